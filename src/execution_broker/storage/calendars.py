"""What cached calendars are made of: the bookings of a platform, and what has changed of them."""

from datetime import datetime
from typing import NamedTuple

from execution_broker.domain.amounts import OUTPUTS, Booking
from execution_broker.storage.database import Connection, Glance, Row
from execution_broker.storage.documents import decode
from execution_broker.storage.records import StoredPlatform


class Change(NamedTuple):
    """A booking that appeared or ended, for cached calendars, with whom and which answer it is
    for. Times are epoch seconds."""

    id: int
    identity: int
    offerset: int
    booking: Booking
    expires: datetime | None
    has_ended: bool

    @property
    def ends_with_release(self) -> bool:
        """Whether it counts until a session is released of it, however late that is (B6)."""
        return self.expires is None and self.booking.component != OUTPUTS


class Glimpse(NamedTuple):
    """A platform as a reader sees it: what changed on it, or all of it if `whole`, and the
    bookings of one answer or its session among them or earlier."""

    platform: StoredPlatform
    changes: list[Change]
    own: list[int]
    whole: bool


async def start(connection: Glance, platform: int, now: datetime) -> list[Change]:
    second = int(now.timestamp())
    rows = await connection.rows("calendar_start", platform=platform, now_second=second, now=now)
    return [_change(row) for row in rows]


async def beside(
    connection: Connection, platform: int, session: int, before: int, now: datetime
) -> list[Change]:
    """What counts from now on until the second `before`, but what is booked for a session."""
    rows = await connection.rows(
        "calendar_beside",
        platform=platform,
        session=session,
        before_second=before,
        now_second=int(now.timestamp()),
        now=now,
    )
    return [_change(row) for row in rows]


async def changes(connection: Glance, platform: int, version: int) -> list[Change]:
    rows = await connection.rows("calendar_changes", platform=platform, version=version)
    return [_change(row) for row in rows]


async def glimpse_changes(
    connection: Glance, platform: int, version: int, offerset: int
) -> Glimpse:
    """What changed on a platform after a version. One statement."""
    rows = await connection.rows(
        "glimpse_changes", platform=platform, version=version, offerset=offerset
    )
    return _glimpse(rows, offerset, whole=False)


async def glimpse_all(connection: Glance, platform: int, offerset: int, now: datetime) -> Glimpse:
    """Everything that counts on a platform from now on. One statement."""
    second = int(now.timestamp())
    rows = await connection.rows("glimpse_all", platform=platform, now_second=second, now=now)
    return _glimpse(rows, offerset, whole=True)


def _glimpse(rows: list[Row], offerset: int, *, whole: bool) -> Glimpse:
    booked = [row for row in rows if row["id"] is not None]
    own = [
        row["id"] for row in booked if row["offerset_id"] == offerset and row["ended_at"] is None
    ]
    platform = StoredPlatform(
        id=rows[0]["platform_id"],
        name=rows[0]["name"],
        version=rows[0]["platform_version"],
        capacity=decode(rows[0]["capacity"], dict[str, int]),
        decided=rows[0]["decided_at"],
    )
    return Glimpse(platform, [_change(row) for row in booked], own, whole)


def _change(row: Row) -> Change:
    booking = Booking(
        {row["amount_name"]: row["amount"]},
        row["start_second"],
        row["end_second"],
        row["component"],
        row["shared_second"],
    )
    return Change(
        id=row["id"],
        identity=row["identity_id"],
        offerset=row["offerset_id"],
        booking=booking,
        expires=row["expires_at"],
        has_ended=row["ended_at"] is not None,
    )
