"""An audit of every decision ever made about capacity, from the rows alone (B1, B3).

Independent of the rules and calendars that decide: it knows nothing but what a booking means. For
each platform and amount it goes through the decisions in their order and asks for each, at every
instant it booked, whether what was held or confirmed then was more than there was.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Final, Literal, NamedTuple

import msgspec

from execution_broker.domain.amounts import is_shared, of_alternatives
from execution_broker.storage.database import Connection, Database, Row
from execution_broker.storage.excesses import Booking, Ceiling, excesses

_NEVER: Final = datetime.max.replace(tzinfo=UTC)


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

    What is late to be released counts for as long as it is, and half a minute longer (B6). It may
    make too much with what was booked for that time, as a cut of capacity may (B7); a decision that
    adds to that is found.

    All is read in one transaction, `at_once` bookings with a statement, and judged when that has
    ended: the longer there is to judge, the surer a server would end a transaction that waits.
    """
    return _judged(await database.read(partial(_read, at_once)))


class _Key(NamedTuple):
    """Of what something is counted."""

    platform: str
    amount: str

    def of_alternatives(self) -> "_Key":
        """Of what of it alternatives hold."""
        return self._replace(amount=of_alternatives(self.amount))


class _Kept(NamedTuple):
    """What was read: the findings of statements, and what is left to judge."""

    findings: list[Finding]
    bookings: dict[_Key, list[Booking]]
    ceilings: Mapping[_Key, "Ceiling"]


async def _read(at_once: int, connection: Connection) -> _Kept:
    findings = list(await _overview(connection))
    return _Kept(findings, await _bookings(connection, at_once), await _ceilings(connection))


async def _bookings(connection: Connection, at_once: int) -> dict[_Key, list[Booking]]:
    found: dict[_Key, list[Booking]] = {}
    last = 0
    while rows := await connection.rows("audited_bookings", after=last, limit=at_once):
        for row in rows:
            booking = _booking(row)
            found.setdefault(_key(row), []).append(booking)
            if row["shared_second"] is not None:
                shared = booking._replace(start=row["shared_second"])
                found.setdefault(_key(row).of_alternatives(), []).append(shared)
        last = rows[-1]["id"]
    return found


async def _ceilings(connection: Connection) -> Mapping[_Key, Ceiling]:
    found: dict[_Key, Ceiling] = {}
    for row in await connection.rows("audited_capacities"):
        found.setdefault(_key(row), Ceiling()).add(row["set_at"], row["amount"])
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


def _booking(row: Row) -> Booking:
    ended, expires = row["ended_at"] or _NEVER, row["expires_at"] or _NEVER
    return Booking(
        made=row["made_at"],
        until=min(ended, expires),
        expires=expires,
        start=row["start_second"],
        end=row["end_second"],
        amount=row["amount"],
        ends_with_release=bool(row["ends_with_release"]),
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
            for excess in excesses(bookings, kept.ceilings.get(key, Ceiling()))
        )
    count = sum(len(b) for key, b in kept.bookings.items() if not is_shared(key.amount))
    return Audit(count, decisions, tuple(findings))
