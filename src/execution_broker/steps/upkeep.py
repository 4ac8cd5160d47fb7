"""Upkeep: recurring steps that exist once per database and never become FAILED (S6)."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog

from execution_broker.domain.capability import Capability
from execution_broker.domain.errors import OutsideError
from execution_broker.domain.log_events import LogEvent
from execution_broker.domain.plan import StepKind
from execution_broker.domain.timing import taught
from execution_broker.steps.base import Applied, PutBack, World
from execution_broker.storage import bookings, offersets, remains, secrets, timings
from execution_broker.storage.database import Connection
from execution_broker.storage.records import LeasedStep
from execution_broker.transitions.expiring import expire

_BATCH = 100
_log = structlog.get_logger()


class Upkeep:
    """What all upkeep has in common: it comes back after its interval, whatever happened."""

    kind: StepKind

    def __init__(self, world: World, interval: int) -> None:
        self.world = world
        self.interval = timedelta(seconds=interval)

    async def load(self, connection: Connection, step: LeasedStep, now: datetime) -> Any:
        return None

    async def act(self, loaded: Any) -> Any:
        return None

    async def fail(
        self, connection: Connection, step: LeasedStep, error: OutsideError, now: datetime
    ) -> Applied:
        """Back off: upkeep is tried again for ever."""
        _log.warning(LogEvent.UPKEEP_FAILED, reason=str(error))
        return PutBack(now + self.interval)


class Sweep(Upkeep):
    """Stores EXPIRED for offers whose time is over, exactly as readers have seen it since, and
    deletes the secrets that no session is still to start with."""

    kind = StepKind.SWEEP

    async def apply(
        self,
        connection: Connection,
        step: LeasedStep,
        loaded: None,
        result: None,
        now: datetime,
    ) -> Applied:
        expired = await offersets.expired(connection, now, _BATCH)
        await expire(connection, expired, now)
        await secrets.forget_needless(connection)
        return PutBack(now if len(expired) == _BATCH else now + self.interval)


class Report(Upkeep):
    """Asks a platform what it can do now. What its operator says goes over the answer.

    What is cached is part of that, so the cache is trimmed first, where it is: beside its worker.
    """

    kind = StepKind.REPORT

    async def load(self, connection: Connection, step: LeasedStep, now: datetime) -> int:
        assert step.platform is not None
        return step.platform

    async def act(self, loaded: int) -> Capability:
        await self._trim()
        reported = await self.world.platforms[loaded].report()
        staged = reported.staged | await asyncio.to_thread(self.world.stage.cached)
        return self.world.sites[loaded].over(msgspec.structs.replace(reported, staged=staged))

    async def apply(
        self,
        connection: Connection,
        step: LeasedStep,
        loaded: int,
        result: Capability,
        now: datetime,
    ) -> Applied:
        await store_report(connection, loaded, result)
        return PutBack(now + self.interval)

    async def _trim(self) -> None:
        """What an offer or a session is still to get stays: its estimate has counted on it."""
        stage = self.world.stage
        if await asyncio.to_thread(stage.is_over):
            wanted = await self.world.database.look(remains.wanted_content)
            await asyncio.to_thread(stage.trim, wanted)


async def store_report(connection: Connection, platform: int, capability: Capability) -> None:
    """Store a report, with what steps have taught since (N4).

    A cut below what is booked cancels nothing: where more is booked than there is, the platform is
    overcommitted for that time, and nothing more is offered then (B7).
    """
    capability = taught(capability, await timings.recent(connection, platform))
    decision = await bookings.decide(connection, [platform])
    await bookings.save_report(connection, decision, platform, capability)
