"""A worker: pools that claim steps and carry them out until they are told to stop."""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final

import structlog

from execution_broker.config import Worker as WorkerSettings
from execution_broker.domain.errors import Unavailable
from execution_broker.domain.log_events import LogEvent
from execution_broker.domain.plan import PREPARES, StepKind
from execution_broker.domain.spans import NoTracer, Tracer
from execution_broker.steps.base import Handler
from execution_broker.storage.database import Database
from execution_broker.storage.records import LeasedStep
from execution_broker.worker.acting import longest
from execution_broker.worker.carrying import Carrier
from execution_broker.worker.claiming import Claimer, Pool
from execution_broker.worker.desk import Desk
from execution_broker.worker.places import Carried, Places
from execution_broker.worker.renewing import Held, Loss, Renewer

_log = structlog.get_logger()

_FIRST_BATCH: Final = 8
_LONG_BATCH: Final = 1.0
_ABREAST: Final = 3
"""While one batch is written, others are claimed, and written together."""
_MOST_ABREAST: Final = 8
_UNDER_WAY: Final = 64
"""Steps, where batches are small: then more of them are abreast."""
_BEGINS: Final = frozenset({StepKind.BEGIN})
_PATIENCE: Final = 2.0
"""Seconds for which a session that is due does not begin as there is no place for its steps."""


class Worker:
    """Serves steps of some platforms with one or more pools. Run it once."""

    def __init__(
        self,
        open_database: Callable[[], Database],
        handlers: Mapping[StepKind, Handler],
        platforms: Collection[int],
        pools: Collection[Pool],
        settings: WorkerSettings,
        tracer: Tracer | None = None,
    ) -> None:
        self._open = open_database
        self._handlers = handlers
        self._platforms = platforms
        self._pools = pools
        self._settings = settings
        self._tracer = tracer or NoTracer()
        self._stopping = asyncio.Event()

    async def run(self, database: Database) -> None:
        """Claim and carry out until `stop`, then drain: nothing new, what acts may finish."""
        lease = timedelta(seconds=self._settings.lease)
        renewer = Renewer(self._open, timedelta(seconds=self._settings.renewal), lease)
        desk = Desk(database)
        pools = [self._places(pool, desk, renewer) for pool in self._pools if not pool.batch]
        desk.pools.extend(places for _, places in pools)
        if not self._tracer.is_tracing:  # a span is begun before a transaction
            batches = (pool for pool in self._pools if pool.batch)
            desk.brief.extend(self._carrier(pool, desk).brief(pool.kinds) for pool in batches)
        renewer.start()
        try:
            async with asyncio.TaskGroup() as group:
                for pool, places in pools:
                    group.create_task(self._serve(places, self._claimer(pool, database)))
                for pool in self._pools:
                    claimer = self._claimer(pool, database)
                    for _ in range(_abreast(pool)):
                        group.create_task(self._serve_batches(pool, claimer, desk, renewer))
            await self._drain(desk.pools)
        finally:
            await asyncio.to_thread(renewer.stop)

    def stop(self) -> None:
        """Begin to drain. Idempotent; call it on the event loop."""
        self._stopping.set()

    async def _serve(self, places: Places, claimer: Claimer) -> None:
        """Never claims more than it can begin at once: what waits is there for other workers."""
        while not self._stopping.is_set():
            await places.until_free()
            await claimer.claim_into(places)

    async def _serve_batches(
        self, pool: Pool, claimer: Claimer, desk: Desk, renewer: Renewer
    ) -> None:
        """Claims more while there is more and it goes quickly, less when it takes long.
        Sessions are begun while there are places to spare for what they wake: those that have
        begun come to their end before others begin. That is not waited for long, as those may be
        slow."""
        carrier = self._carrier(pool, desk)
        clock = asyncio.get_running_loop().time
        size = _FIRST_BATCH
        following = _following(desk.pools) if pool.kinds == _BEGINS else []
        has_room = False

        def places() -> int:
            spare = min((one.spare for one in following), default=0)
            return min(max(1, spare) if has_room else size, pool.batch)

        while True:
            has_room = await _has_room(following)
            if not (leased := await claimer.claim(places)):
                return
            begun = clock()
            await self._carry_together(carrier, leased, pool, renewer)
            if has_room or clock() - begun > _LONG_BATCH:
                size = max(_FIRST_BATCH, size // 2)
            elif len(leased) >= size:
                size = min(2 * size, pool.batch)

    def _claimer(self, pool: Pool, database: Database) -> Claimer:
        return Claimer(pool, database, self._platforms, self._settings, self._stopping)

    def _places(self, pool: Pool, desk: Desk, renewer: Renewer) -> tuple[Pool, Places]:
        carrier = self._carrier(pool, desk)

        async def carry(step: LeasedStep, carried: Carried | None) -> None:
            await self._carry(carrier, step, carried, pool, renewer)

        return pool, Places(pool.concurrency, carrier.onward, carry, self._stopping)

    def _carrier(self, pool: Pool, desk: Desk) -> Carrier:
        onward = () if pool.batch else pool.kinds
        return Carrier(
            desk.database,
            self._handlers,
            self._settings,
            pool.processor,
            self._tracer,
            desk,
            onward,
        )

    async def _carry(
        self,
        carrier: Carrier,
        step: LeasedStep,
        carried: Carried | None,
        pool: Pool,
        renewer: Renewer,
    ) -> None:
        """Carries a step, and goes on with what has waited for it, until it is to stop."""
        while carried is None or not self._stopping.is_set():
            carried = await self._carry_one(carrier, step, carried, pool, renewer)
            if carried is None:
                return
            step = carried.step
        await self._leave(carrier, step, [])

    async def _carry_one(
        self,
        carrier: Carrier,
        step: LeasedStep,
        carried: Carried | None,
        pool: Pool,
        renewer: Renewer,
    ) -> Carried | None:
        loop = asyncio.get_running_loop()
        structlog.contextvars.bind_contextvars(
            processor=str(pool.processor),
            step=str(step.uuid),
            kind=step.kind.word,
        )
        structlog.contextvars.unbind_contextvars("session", "owner", "platform")
        acting = asyncio.create_task(carrier.carry(step, carried))
        losses: list[Loss] = []

        def stop(loss: Loss) -> None:
            losses.append(loss)
            loop.call_soon_threadsafe(acting.cancel)

        until = time.monotonic() + longest(step.kind, self._settings)
        renewer.hold([step], Held(pool.processor, stop, until))
        try:
            return await acting
        except asyncio.CancelledError:
            acting.cancel()
            await asyncio.wait([acting])
            await self._leave(carrier, step, losses)
        except Unavailable as error:
            _log.warning(LogEvent.STEP_UNFINISHED, reason=str(error))
        finally:
            renewer.release([step])
        return None

    async def _leave(self, carrier: Carrier, step: LeasedStep, losses: list[Loss]) -> None:
        """What it was doing is cut off. A database that is away lets the lease lapse instead."""
        try:
            async with asyncio.timeout(self._settings.lease):
                if Loss.OVERTAKEN in losses:
                    await carrier.drop(step)
                elif not losses:
                    await carrier.give_back(step)
        except (Unavailable, TimeoutError) as error:
            _log.warning(LogEvent.STEP_UNFINISHED, reason=str(error))

    async def _carry_together(
        self, carrier: Carrier, leased: list[LeasedStep], pool: Pool, renewer: Renewer
    ) -> None:
        structlog.contextvars.bind_contextvars(processor=str(pool.processor))
        carrying = asyncio.create_task(carrier.carry_together(leased))
        loop = asyncio.get_running_loop()

        def stop(loss: Loss) -> None:
            if loss is Loss.LAPSED:
                loop.call_soon_threadsafe(carrying.cancel)

        renewer.hold(leased, Held(pool.processor, stop))
        try:
            await asyncio.wait([carrying])
            if not carrying.cancelled() and (error := carrying.exception()) is not None:
                if not isinstance(error, Unavailable):
                    raise error
                _log.warning(LogEvent.STEP_UNFINISHED, reason=str(error))
        finally:
            renewer.release(leased)

    async def _drain(self, pools: Sequence[Places]) -> None:
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._settings.drain
        while active := {carrying for places in pools for carrying in places.active}:
            _, late = await asyncio.wait(active, timeout=max(0.0, deadline - clock()))
            for carrying in late:
                carrying.cancel()
            if late:
                await asyncio.wait(late)


def _abreast(pool: Pool) -> int:
    """How many batches are under way at a time; of what begins sessions one, as the places are
    counted before it is claimed."""
    if not pool.batch:
        return 0
    if pool.kinds == _BEGINS:
        return 1
    return max(_ABREAST, min(_MOST_ABREAST, _UNDER_WAY // pool.batch))


def _following(pools: Collection[Places]) -> list[Places]:
    """Those that take what begins with a session."""
    return [places for places in pools if not PREPARES.isdisjoint(places.onward.kinds)]


async def _has_room(pools: Collection[Places]) -> bool:
    """Return when each of them has places to spare, or not, when that takes long."""
    if not pools:
        return False
    with suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE):
            for places in pools:
                await places.until_spare()
            return True
    return False
