"""How the broker is, for operators and for clients that choose."""

from datetime import datetime, timedelta

import msgspec

from execution_broker.domain.amounts import Stretch, is_shared
from execution_broker.domain.calendar import Calendar
from execution_broker.services.booking.calendars import Calendars
from execution_broker.storage import bookings, steps
from execution_broker.storage.database import Connection, Database
from execution_broker.storage.records import StoredPlatform


class Check(msgspec.Struct, frozen=True):
    """One thing that must be right; `fault` says what is wrong with it."""

    name: str
    fault: str | None = None


class PlatformStatus(msgspec.Struct, frozen=True, omit_defaults=True):
    """A platform as its last report described it, and where more is booked there than there is."""

    name: str
    description: str
    reported_at: datetime | None
    kinds: tuple[str, ...]
    capacity: dict[str, int]
    overcommitted: tuple[Stretch, ...] = ()


class StatusService:
    def __init__(self, database: Database, calendars: Calendars, stale: timedelta) -> None:
        """A platform whose report is older than `stale` is not ready."""
        self._database = database
        self._calendars = calendars
        self._stale = stale

    async def ready(self) -> tuple[Check, ...]:
        """Whether requests can be answered: the database, and a report from each platform."""
        return await self._database.read(self._ready)

    async def platforms(self) -> tuple[PlatformStatus, ...]:
        platforms, now = await self._database.look(bookings.platforms_now)
        now = self._calendars.latest(now)
        news = await self._calendars.glance(self._database, platforms, now)
        with self._calendars.turn:
            calendars = self._calendars.take(news, now)
            return tuple(_status(one, calendars[one.id], now) for one in platforms)

    async def poke(self) -> int:
        """Let what waits to look or to try again do so now; how many steps there were."""
        return await self._database.write(steps.poke)

    async def _ready(self, connection: Connection) -> tuple[Check, ...]:
        now = await connection.clock()
        checks = [Check("database")]
        for platform in await bookings.platforms(connection):
            late = platform.reported is None or now - platform.reported > self._stale
            fault = "has not reported lately: is a worker running?" if late else None
            checks.append(Check(f"platform {platform.name}", fault))
        return tuple(checks)


def _status(platform: StoredPlatform, calendar: Calendar, now: datetime) -> PlatformStatus:
    capability = platform.capability
    return PlatformStatus(
        name=platform.name,
        description=capability.description if capability else "",
        reported_at=platform.reported,
        kinds=tuple(one.kind for one in capability.executables) if capability else (),
        capacity={name: n for name, n in platform.capacity.items() if not is_shared(name)},
        overcommitted=tuple(
            one for one in calendar.overcommitted(int(now.timestamp())) if not is_shared(one.name)
        ),
    )
