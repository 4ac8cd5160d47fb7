"""An audit of every decision ever made about capacity, from the rows alone (B1, B3).

Independent of the rules and calendars that decide: it knows nothing but what a booking means. For
each platform and amount it goes through the decisions in their order and asks for each, at every
instant it booked, whether what was held or confirmed then was more than there was.
"""

import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Final, Literal, NamedTuple

import msgspec

from execution_broker.storage.database import Connection, Row

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


async def audit(connection: Connection) -> Audit:
    """Check every booking that is still kept. Reads only; at most 100 findings of an amount.

    A decision may keep what a cut of capacity has made too much, and a late release may outlast
    its booking (B6, B7); a decision that adds to either is found.
    """
    findings = list(await _overview(connection))
    count, decisions = 0, 0
    ceilings = await _ceilings(connection)
    for amount in await connection.rows("audited_amounts"):
        platform, name = amount["platform_id"], amount["amount_name"]
        rows = await connection.rows("audited_bookings", platform=platform, name=name)
        bookings = [_booking(row) for row in rows]
        ceiling = ceilings.get((platform, name), _Ceiling())
        count += len(bookings)
        decisions += len({one.made for one in bookings})
        findings += (
            Finding(
                kind="overbooked",
                platform=amount["platform"],
                amount=name,
                decided=excess.decided,
                booked=datetime.fromtimestamp(excess.booked, UTC),
                used=excess.used,
                capacity=excess.capacity,
            )
            for excess in _excesses(bookings, ceiling)
        )
    return Audit(count, decisions, tuple(findings))


class _Booking(NamedTuple):
    """Counts from `made` until `until`, at the instants of [start, end)."""

    made: datetime
    until: datetime
    expires: datetime
    start: int
    end: int
    amount: int
    is_overrun: bool


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


async def _ceilings(connection: Connection) -> Mapping[tuple[int, str], _Ceiling]:
    found: dict[tuple[int, str], _Ceiling] = {}
    for row in await connection.rows("audited_capacities"):
        key = row["platform_id"], row["amount_name"]
        found.setdefault(key, _Ceiling()).add(row["set_at"], row["amount"])
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


def _excesses(bookings: Sequence[_Booking], ceiling: _Ceiling) -> Iterator[_Excess]:
    """Where a decision booked more than there was: a sweep over the decisions in their order."""
    usage = _Usage(edge for one in bookings for edge in (one.start, one.end))
    live: list[tuple[datetime, int, _Booking]] = []
    found = 0
    for decided, group in groupby(bookings, key=lambda one: one.made):
        made = [one for one in group if one.until > decided]
        before = [one for _, _, one in live if one.until >= decided and one.expires > decided]
        while live and live[0][0] <= decided:
            usage.add(heapq.heappop(live)[2], -1)
        for one in made:
            usage.add(one, 1)
            heapq.heappush(live, (one.until, id(one), one))
        capacity = ceiling.at(decided)
        if any(usage.peak(one) > capacity for one in made if not one.is_overrun):
            after = [one for _, _, one in live]
            for excess in _grown(made, before, after, decided, capacity):
                yield excess
                found += 1
        if found >= _MOST:
            return


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


class _Usage:
    """How much is booked between any two edges: a tree over them that adds to a range, and tells
    the most of a range, in the logarithm of their number."""

    def __init__(self, edges: Iterable[int]) -> None:
        self._edges = sorted(set(edges))
        self._size = max(1, len(self._edges))
        self._most = [0] * (2 * self._size)
        self._added = [0] * self._size

    def add(self, booking: _Booking, sign: int) -> None:
        first, last = self._range(booking)
        left, right, amount = first, last, sign * booking.amount
        while left < right:
            if left & 1:
                self._apply(left, amount)
                left += 1
            if right & 1:
                right -= 1
                self._apply(right, amount)
            left >>= 1
            right >>= 1
        self._rebuild(first)
        self._rebuild(last - 1)

    def peak(self, booking: _Booking) -> int:
        left, right = self._range(booking)
        self._push(left)
        self._push(right - 1)
        most = 0
        while left < right:
            if left & 1:
                most = max(most, self._most[left])
                left += 1
            if right & 1:
                right -= 1
                most = max(most, self._most[right])
            left >>= 1
            right >>= 1
        return most

    def _range(self, booking: _Booking) -> tuple[int, int]:
        first = bisect_left(self._edges, booking.start)
        return first + self._size, bisect_left(self._edges, booking.end) + self._size

    def _apply(self, node: int, amount: int) -> None:
        self._most[node] += amount
        if node < self._size:
            self._added[node] += amount

    def _rebuild(self, node: int) -> None:
        while node > 1:
            node >>= 1
            self._most[node] = (
                max(self._most[2 * node], self._most[2 * node + 1]) + self._added[node]
            )

    def _push(self, leaf: int) -> None:
        for height in range(leaf.bit_length() - 1, 0, -1):
            node = leaf >> height
            if self._added[node]:
                self._apply(2 * node, self._added[node])
                self._apply(2 * node + 1, self._added[node])
                self._added[node] = 0
