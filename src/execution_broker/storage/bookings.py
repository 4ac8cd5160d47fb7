"""Bookings and the capacity rows that lock them (B1-B7)."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from execution_broker.domain.amounts import Booking
from execution_broker.domain.capability import Capability
from execution_broker.domain.plan import PREPARES, StepKind
from execution_broker.storage.database import Connection, Glance, Part, Row
from execution_broker.storage.documents import decode, encode
from execution_broker.storage.records import StoredBooking, StoredPlatform

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
    expires: datetime | None = None


class Released(NamedTuple):
    """What a session needs no more: what one component has booked, or where that is None all but
    the outputs that are kept."""

    platform: int
    session: int
    component: str | None = None


class Decision(NamedTuple):
    """What is written of bookings is written with one: locked platforms, as their rows are, and
    the time that the database told under all of their locks (B5). `decide` makes it."""

    now: datetime
    platforms: Mapping[int, StoredPlatform]

    def version(self, platform: int) -> int:
        """The version that this makes of a platform: that of the bookings it writes."""
        return self.platforms[platform].version + 1


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


async def decide(
    connection: Connection, platforms: Iterable[int], *, waits: bool = True
) -> Decision:
    """Take the capacity locks, in id order; check and write only in later statements (B4). Unless
    it waits, without those that others have.

    Its time is when the last lock was taken, or now where there is none, and later than that of
    every decision before about any of them. The database's clock may be set back, and the clocks
    of processes that share a SQLite file may differ: what has expired for one decision has expired
    for every later one.
    """
    statement = "lock_platforms" if waits else "lock_free_platforms"
    rows = await connection.rows(statement, ids=sorted(platforms))
    locked = {row["id"]: _platform(row) for row in rows}
    times = [row["locked_at"] for row in rows]
    now = max(times) if times else await connection.clock()
    return Decision(_after_all(now, locked.values()), locked)


async def write(connection: Connection, decision: Decision, *parts: Part) -> None:
    """Write what was decided about platforms, all of them."""
    await connection.all(*parts, deciding(decision, decision.platforms))


def adding(new: Iterable[NewBooking], decision: Decision) -> Part:
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
                "shared": one.booking.shared_from,
                "version": decision.version(one.platform),
                "now": decision.now,
                "expires": one.expires,
            }
            for one in new
            for name, amount in one.booking.amounts.items()
            if amount
        ],
    )


def ending(ended: Iterable[StoredBooking], decision: Decision) -> Part:
    """What ends bookings of locked platforms."""
    return (
        "end_booking",
        [
            {"booking": one.id, "version": decision.version(one.platform), "now": decision.now}
            for one in ended
        ],
    )


def releasing(released: Iterable[Released], decision: Decision) -> tuple[Part, Part]:
    """What ends the bookings of locked sessions that need no more what they pay for (B6)."""
    all_of = {one.session: one for one in released if one.component is None}
    rows: dict[Released, dict[str, object]] = {
        one: {
            "session": one.session,
            "version": decision.version(one.platform),
            "now": decision.now,
        }
        for one in released
        if one.component is None or one.session not in all_of
    }
    parts = [values | {"component": one.component} for one, values in rows.items() if one.component]
    whole = [values for one, values in rows.items() if one.component is None]
    return ("end_component", parts), ("end_session_bookings", whole)


def deciding(decision: Decision, platforms: Iterable[int]) -> Part:
    """What stores that something was decided about some of the platforms."""
    return (
        "decide_platform",
        [
            {"platform": id_, "version": decision.version(id_), "now": decision.now}
            for id_ in platforms
        ],
    )


async def held_of(connection: Connection, offersets: Iterable[int]) -> list[StoredBooking]:
    """What these locked offer sets hold, whether it has expired or not."""
    rows = await connection.rows("held_bookings", offersets=list(offersets))
    return [_booking(row) for row in rows]


async def of_sessions(connection: Connection, sessions: Iterable[int]) -> list[StoredBooking]:
    """What is booked for these locked sessions."""
    rows = await connection.rows("session_bookings", sessions=list(sessions))
    return [_booking(row) for row in rows]


async def of_component(connection: Connection, session: int, component: str) -> list[StoredBooking]:
    rows = await connection.rows("component_bookings", session=session, component=component)
    return [_booking(row) for row in rows]


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
    connection: Connection, decision: Decision, platform: int, capability: Capability
) -> None:
    """Store what a locked platform has reported, and how much there is of what since when, the
    shares of alternatives among it."""
    await connection.execute(
        "save_report",
        platform=platform,
        capability=encode(capability),
        capacity=encode(capability.bookable),
        version=decision.version(platform),
        now=decision.now,
    )
    known = {
        row["amount_name"]: int(row["amount"])
        for row in await connection.rows("capacities", platform=platform)
    }
    new = {**dict.fromkeys(known, 0), **capability.bookable}
    await connection.many(
        "set_capacity",
        [
            {"platform": platform, "name": name, "now": decision.now, "amount": amount}
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
        decided=row.get("decided_at"),
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
        shared_from=row.get("shared_second"),
    )
