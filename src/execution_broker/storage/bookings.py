"""Bookings and the capacity rows that lock them (B1-B7)."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from execution_broker.domain.amounts import Booking
from execution_broker.domain.capability import Capability
from execution_broker.domain.plan import PREPARES, StepKind
from execution_broker.storage.database import Connection, Glance, Part, Row
from execution_broker.storage.documents import decode, decode_optional, encode
from execution_broker.storage.records import StoredBooking, StoredPlatform

_FOR_EVER: Final = 2**62
_TICK: Final = timedelta(microseconds=1)
_BEFORE_START: Final = sorted({StepKind.BEGIN} | PREPARES)
"""What a session waits for before it can start."""


class Owner(NamedTuple):
    """Whom bookings are for. `session` is None while they are held for an offer set."""

    identity: int
    offerset: int
    session: int | None


class NewBooking(NamedTuple):
    """A booking on its way to its rows, one for each amount. Held ones expire."""

    platform: int
    booking: Booking
    owner: Owner
    version: int
    expires: datetime | None
    is_overrun: int = 0


async def add_platform(connection: Connection, name: str) -> None:
    await connection.execute("add_platform", name=name, capacity="{}")


async def platforms(connection: Connection) -> list[StoredPlatform]:
    return [_platform(row) for row in await connection.rows("platforms")]


async def platforms_now(connection: Glance) -> tuple[list[StoredPlatform], datetime]:
    """All platforms with how long sessions wait there to be begun or prepared, and the time of
    what is proposed for them. One statement."""
    rows = await connection.rows("platforms_now", kinds=_BEFORE_START)
    found = [_platform(row) for row in rows if row["id"] is not None]
    return found, _after_all(rows[0]["read_at"], found)


async def lock_platforms(connection: Connection, ids: Iterable[int]) -> dict[int, StoredPlatform]:
    """Take the capacity locks, in id order; check and write only in later statements (B4)."""
    rows = await connection.rows("lock_platforms", ids=sorted(ids))
    return {row["id"]: _platform(row) for row in rows}


async def decision_time(connection: Connection, platforms: Iterable[StoredPlatform]) -> datetime:
    """The time of a decision about platforms: when the last lock was taken, or now where none is,
    and later than that of every decision before it.

    The database's clock may be set back, and the clocks of processes that share a SQLite file may
    differ: what has expired for one decision has expired for every later one (B5).
    """
    known = list(platforms)
    locked = [one.locked for one in known if one.locked is not None]
    return _after_all(max(locked) if locked else await connection.clock(), known)


async def advance(connection: Connection, platform: int, now: datetime) -> int:
    """The next version of a locked platform, for a decision at `now`."""
    row = await connection.row("advance_platform", platform=platform, now=now)
    assert row is not None
    return int(row["version"])


async def overcommitment(
    connection: Connection, platform: StoredPlatform, now: datetime
) -> dict[str, int]:
    """By how much the highest booking ahead exceeds each amount of a locked platform (B7)."""
    second = int(now.timestamp())
    over: dict[str, int] = {}
    for row in await connection.rows("booked_names", platform=platform.id, now_second=second):
        name = row["amount_name"]
        peak = await connection.row(
            "peak_usage", platform=platform.id, name=name, start=second, end=_FOR_EVER, now=now
        )
        assert peak is not None
        excess = peak["peak"] - platform.capacity.get(name, 0)
        if excess > 0:
            over[name] = excess
    return over


async def add(
    connection: Connection,
    platform: int,
    bookings: Iterable[Booking],
    owner: Owner,
    *,
    version: int,
    now: datetime,
    expires: datetime | None,
    is_overrun: int = 0,
) -> None:
    new = [
        NewBooking(platform, booking, owner, version, expires, is_overrun) for booking in bookings
    ]
    await connection.many(*adding(new, now))


def adding(new: Iterable[NewBooking], now: datetime) -> Part:
    """What stores bookings."""
    return (
        "add_booking",
        [
            {
                "platform": one.platform,
                "identity": one.owner.identity,
                "offerset": one.owner.offerset,
                "session": one.owner.session,
                "component": one.booking.component,
                "name": name,
                "amount": amount,
                "start": one.booking.start,
                "end": one.booking.end,
                "version": one.version,
                "is_overrun": one.is_overrun,
                "now": now,
                "expires": one.expires,
            }
            for one in new
            for name, amount in one.booking.amounts.items()
            if amount
        ],
    )


def ending(ended: Iterable[StoredBooking], versions: Mapping[int, int], now: datetime) -> Part:
    """What ends bookings of locked platforms."""
    return (
        "end_booking",
        [{"booking": one.id, "version": versions[one.platform], "now": now} for one in ended],
    )


def deciding(versions: Mapping[int, int], now: datetime) -> Part:
    """What stores the versions of locked platforms after a decision at `now`."""
    return (
        "decide_platform",
        [{"platform": id_, "version": version, "now": now} for id_, version in versions.items()],
    )


async def end_all(connection: Connection, ids: Iterable[int], version: int, now: datetime) -> None:
    """End some bookings of one locked platform."""
    await connection.execute("end_bookings", ids=list(ids), version=version, now=now)


async def held_of(connection: Connection, offersets: Iterable[int]) -> list[StoredBooking]:
    """What these locked offer sets hold, whether it has expired or not."""
    rows = await connection.rows("held_bookings", offersets=list(offersets))
    return [_booking(row) for row in rows]


async def of_sessions(connection: Connection, sessions: Iterable[int]) -> list[StoredBooking]:
    """What is booked for these locked sessions."""
    rows = await connection.rows("session_bookings", sessions=list(sessions))
    return [_booking(row) for row in rows]


async def end_component(
    connection: Connection, session: int, component: str, version: int, now: datetime
) -> None:
    await connection.execute(
        "end_component", session=session, component=component, version=version, now=now
    )


async def end_session(connection: Connection, session: int, version: int, now: datetime) -> None:
    """End all that is booked for a session but its kept outputs."""
    await connection.execute("end_session_bookings", session=session, version=version, now=now)


async def of_component(connection: Connection, session: int, component: str) -> list[StoredBooking]:
    rows = await connection.rows("component_bookings", session=session, component=component)
    return [_booking(row) for row in rows]


async def overrun(connection: Connection, until_second: int) -> list[StoredBooking]:
    rows = await connection.rows("overrun_bookings", until_second=until_second)
    return [_booking(row) for row in rows]


async def prolong(
    connection: Connection, booking: StoredBooking, end: int, version: int, now: datetime
) -> None:
    """Replace a booking by one that lasts longer, whether there is room or not: what is booked is
    still there. The old row stays (B3)."""
    await connection.execute("end_booking", booking=booking.id, version=version, now=now)
    await add(
        connection,
        booking.platform,
        [Booking({booking.name: booking.amount}, booking.start, end, booking.component)],
        Owner(booking.identity, booking.offerset, booking.session),
        version=version,
        now=now,
        expires=None,
        is_overrun=1,
    )


async def held_by(
    connection: Connection, identities: Iterable[int], now: datetime
) -> dict[int, dict[str, int]]:
    """The amounts that each of these identities holds in unanswered offers (B8)."""
    held: dict[int, dict[str, int]] = {}
    rows = await connection.rows("held_by_identities", identities=list(identities), now=now)
    for row in rows:
        held.setdefault(row["identity_id"], {})[row["amount_name"]] = row["amount"]
    return held


async def save_report(
    connection: Connection,
    platform: int,
    capability: Capability,
    overcommitted: dict[str, int],
    now: datetime,
) -> None:
    await connection.execute(
        "save_report",
        platform=platform,
        capability=encode(capability),
        capacity=encode(capability.capacity),
        overcommitted=encode(overcommitted),
        now=now,
    )
    known = {
        row["amount_name"]: int(row["amount"])
        for row in await connection.rows("capacities", platform=platform)
    }
    new = dict.fromkeys(known, 0) | capability.capacity
    await connection.many(
        "set_capacity",
        [
            {"platform": platform, "name": name, "now": now, "amount": amount}
            for name, amount in new.items()
            if known.get(name) != amount
        ],
    )


def _after_all(now: datetime, platforms: Iterable[StoredPlatform]) -> datetime:
    return max([now, *(one.decided + _TICK for one in platforms if one.decided is not None)])


def _platform(row: Row) -> StoredPlatform:
    return StoredPlatform(
        id=row["id"],
        name=row["name"],
        version=row["version"],
        capacity=decode(row["capacity"], dict[str, int]),
        report=row.get("capability"),
        reported=row.get("reported_at"),
        overcommitted=decode_optional(row.get("overcommitted"), dict[str, int]) or {},
        decided=row.get("decided_at"),
        locked=row.get("locked_at"),
        waiting=_waiting(row),
    )


def _waiting(row: Row) -> int:
    since = row.get("free_at")
    return 0 if since is None else int((row["read_at"] - since).total_seconds())


def _booking(row: Row) -> StoredBooking:
    return StoredBooking(
        id=row["id"],
        platform=row["platform_id"],
        identity=row["identity_id"],
        offerset=row["offerset_id"],
        session=row["session_id"],
        component=row["component"],
        name=row["amount_name"],
        amount=row["amount"],
        start=row["start_second"],
        end=row["end_second"],
        expires=row.get("expires_at"),
    )
