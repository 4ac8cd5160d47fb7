"""How the broker is, for operators and for clients that choose."""

from datetime import datetime, timedelta

import msgspec

from execution_broker.storage import bookings, steps
from execution_broker.storage.database import Connection, Database


class Check(msgspec.Struct, frozen=True):
    """One thing that must be right; `fault` says what is wrong with it."""

    name: str
    fault: str | None = None


class PlatformStatus(msgspec.Struct, frozen=True, omit_defaults=True):
    """A platform as its last report described it."""

    name: str
    description: str
    reported_at: datetime | None
    kinds: tuple[str, ...]
    capacity: dict[str, int]


class StatusService:
    def __init__(self, database: Database, stale: timedelta) -> None:
        """A platform whose report is older than `stale` is not ready."""
        self._database = database
        self._stale = stale

    async def ready(self) -> tuple[Check, ...]:
        """Whether requests can be answered: the database, and a report from each platform."""
        return await self._database.read(self._ready)

    async def platforms(self) -> tuple[PlatformStatus, ...]:
        async def work(connection: Connection) -> tuple[PlatformStatus, ...]:
            return tuple(
                PlatformStatus(
                    name=one.name,
                    description=one.capability.description if one.capability else "",
                    reported_at=one.reported,
                    kinds=tuple(e.kind for e in one.capability.executables)
                    if one.capability
                    else (),
                    capacity=one.capacity,
                )
                for one in await bookings.platforms(connection)
            )

        return await self._database.read(work)

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
