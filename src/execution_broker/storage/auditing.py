"""An audit of every decision ever made about capacity, from the rows alone (B1, B3).

Independent of the rules and calendars that decide: it knows nothing but what a booking means. For
each platform and amount it goes through the decisions in their order and asks for each, at every
instant it booked, whether what was held or confirmed then was more than there was.
"""

import heapq
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import groupby
from typing import Final, Literal, NamedTuple

import msgspec

from execution_broker.storage.database import Connection, Database, Row
from execution_broker.storage.usage import Usage

_NEVER: Final = datetime.max.replace(tzinfo=UTC)
_MOST: Final = 100


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that must never be. `uuid`: of the session or offer set.

    Overbooked: at the instant `booked`, as decided at `decided`, `used` of `capacity`.
    """

    kind: Literal["overbooked", "accepted-twice", "booked-though-ended", "not-booked"]
    platform: str | None = None
    amount: str | None = None
    uuid: str | None = None
    decided: datetime | None = None
    booked: datetime | None = None
    used: int | None = None
    capacity: int | None = None


class Audit(msgspec.Struct, frozen=True):
    """How much was looked at, and what was found: nothing, if all is well."""

    bookings: int
    decisions: int
    findings: tuple[Finding, ...]


async def audit(database: Database, *, at_once: int = 10_000) -> Audit:
    """Check every booking that is still kept. Reads only; at most 100 findings of an amount.

    A decision may keep what a cut of capacity has made too much, and a late release may outlast
    its booking (B6, B7); a decision that adds to either is found.

    All is read in one transaction, `at_once` bookings with a statement, and judged when that has
    ended: the longer there is to judge, the surer a server would end a transaction that waits.
    """
    return _judged(await database.read(partial(_read, at_once)))


class _Key(NamedTuple):
    """Of what something is counted."""

    platform: str
    amount: str


class _Booking(NamedTuple):
    """Counts from `made` until `until`, at the instants of [start, end)."""

    made: datetime
    until: datetime
    expires: datetime
    start: int
    end: int
    amount: int
    is_overrun: bool


class _Kept(NamedTuple):
    """What was read: the findings of statements, and what is left to judge."""

    findings: list[Finding]
    bookings: dict[_Key, list[_Booking]]
    ceilings: Mapping[_Key, "_Ceiling"]


class _Excess(NamedTuple):
    decided: datetime
    booked: int
    used: int
    capacity: int


class _Ceiling:
    """How much there was, over time; before the first report as much as that told."""

    def __init__(self) -> None:
        self._since: list[datetime] = []
        self._amounts: list[int] = []

    def add(self, since: datetime, amount: int) -> None:
        self._since.append(since)
        self._amounts.append(amount)

    def at(self, instant: datetime) -> int:
        index = max(0, bisect_right(self._since, instant) - 1)
        return self._amounts[index] if self._amounts else 0


async def _read(at_once: int, connection: Connection) -> _Kept:
    findings = list(await _overview(connection))
    return _Kept(findings, await _bookings(connection, at_once), await _ceilings(connection))


async def _bookings(connection: Connection, at_once: int) -> dict[_Key, list[_Booking]]:
    found: dict[_Key, list[_Booking]] = {}
    last = 0
    while rows := await connection.rows("audited_bookings", after=last, limit=at_once):
        for row in rows:
            found.setdefault(_key(row), []).append(_booking(row))
        last = rows[-1]["id"]
    return found


async def _ceilings(connection: Connection) -> Mapping[_Key, _Ceiling]:
    found: dict[_Key, _Ceiling] = {}
    for row in await connection.rows("audited_capacities"):
        found.setdefault(_key(row), _Ceiling()).add(row["set_at"], row["amount"])
    return found


async def _overview(connection: Connection) -> Iterator[Finding]:
    twice = await connection.rows("accepted_twice")
    released = await connection.rows("booked_though_released")
    held = await connection.rows("held_though_answered", now=await connection.clock())
    missing = await connection.rows("accepted_without_booking")
    return iter(
        (
            *(Finding(kind="accepted-twice", uuid=str(row["uuid"])) for row in twice),
            *(
                Finding(
                    kind="booked-though-ended",
                    uuid=str(row["uuid"]),
                    platform=row["platform"],
                    amount=row["amount_name"],
                )
                for row in (*released, *held)
            ),
            *(
                Finding(kind="not-booked", uuid=str(row["uuid"]), platform=row["platform"])
                for row in missing
            ),
        )
    )


def _key(row: Row) -> _Key:
    return _Key(row["platform"], row["amount_name"])


def _booking(row: Row) -> _Booking:
    ended, expires = row["ended_at"] or _NEVER, row["expires_at"] or _NEVER
    return _Booking(
        made=row["made_at"],
        until=min(ended, expires),
        expires=expires,
        start=row["start_second"],
        end=row["end_second"],
        amount=row["amount"],
        is_overrun=bool(row["is_overrun"]),
    )


def _judged(kept: _Kept) -> Audit:
    findings, decisions = list(kept.findings), 0
    for key in sorted(kept.bookings):
        bookings = sorted(kept.bookings[key], key=lambda one: one.made)
        decisions += len({one.made for one in bookings})
        findings += (
            Finding(
                kind="overbooked",
                platform=key.platform,
                amount=key.amount,
                decided=excess.decided,
                booked=datetime.fromtimestamp(excess.booked, UTC),
                used=excess.used,
                capacity=excess.capacity,
            )
            for excess in _excesses(bookings, kept.ceilings.get(key, _Ceiling()))
        )
    return Audit(sum(map(len, kept.bookings.values())), decisions, tuple(findings))


def _excesses(bookings: Sequence[_Booking], ceiling: _Ceiling) -> Iterator[_Excess]:
    """Where a decision booked more than there was: a sweep over the decisions in their order."""
    usage = Usage(edge for one in bookings for edge in (one.start, one.end))
    live: list[tuple[datetime, int, _Booking]] = []
    found = 0
    for decided, group in groupby(bookings, key=lambda one: one.made):
        made = [one for one in group if one.until > decided]
        over = []
        while live and live[0][0] <= decided:
            over.append(heapq.heappop(live)[2])
            usage.add(over[-1], -1)
        for one in made:
            usage.add(one, 1)
            heapq.heappush(live, (one.until, id(one), one))
        capacity = ceiling.at(decided)
        if any(usage.peak(one) > capacity for one in made if not one.is_overrun):
            after = [one for _, _, one in live]
            before = [one for one in (*over, *after) if _counted_before(one, decided)]
            for excess in _grown(made, before, after, decided, capacity):
                yield excess
                found += 1
        if found >= _MOST:
            return


def _counted_before(one: _Booking, decided: datetime) -> bool:
    """Whether it still counted when this was decided, and was made earlier."""
    return one.made < decided <= one.until and one.expires > decided


def _grown(
    made: Sequence[_Booking],
    before: Sequence[_Booking],
    after: Sequence[_Booking],
    decided: datetime,
    capacity: int,
) -> Iterator[_Excess]:
    """Of the instants at which there is too much, those at which this decision made it more."""
    wanted = [one for one in made if not one.is_overrun]
    overruns = [one for one in made if one.is_overrun]
    for instant in sorted({one.start for one in (*before, *after)}):
        used = _at(instant, after)
        if used <= capacity or not _at(instant, wanted):
            continue
        if used - _at(instant, overruns) > _at(instant, before):
            yield _Excess(decided, instant, used, capacity)
            return


def _at(instant: int, bookings: Iterable[_Booking]) -> int:
    return sum(one.amount for one in bookings if one.start <= instant < one.end)
