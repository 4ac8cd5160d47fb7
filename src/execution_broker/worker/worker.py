"""A worker: pools that claim steps and carry them out until they are told to stop."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

import structlog

from execution_broker.config import Worker as WorkerSettings
from execution_broker.domain.errors import Unavailable
from execution_broker.domain.log_events import LogEvent
from execution_broker.domain.plan import StepKind
from execution_broker.domain.spans import NoTracer, Tracer
from execution_broker.steps.base import Handler
from execution_broker.storage import steps
from execution_broker.storage.database import Connection, Database
from execution_broker.storage.records import LeasedStep
from execution_broker.storage.steps import Lease
from execution_broker.worker.carrying import Carried, Carrier
from execution_broker.worker.desk import Desk
from execution_broker.worker.renewing import Held, Loss, Renewer

_log = structlog.get_logger()

_LONGEST_WAIT: Final = 5.0
_UNTIL_IT_IS_BACK: Final = 1.0
_FIRST_BATCH: Final = 8
_LONG_BATCH: Final = 1.0
_FIRST_BREATH: Final = 0.005
_LONGEST_BREATH: Final = 0.04
_ABREAST: Final = 2
"""While one batch waits for the disk, another one is claimed and carried."""


class Pool(NamedTuple):
    """One processor: it serves these kinds, and carries out so many steps at the same time.

    With `batch`, all of its kinds are brief: as many as that are claimed and carried together.
    """

    processor: UUID
    kinds: Collection[StepKind]
    concurrency: int
    batch: int = 0


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
        renewer.start()
        try:
            async with asyncio.TaskGroup() as group:
                for pool in self._pools:
                    if pool.batch:
                        for _ in range(_ABREAST):
                            group.create_task(self._serve_batches(pool, database, desk, renewer))
                    else:
                        group.create_task(self._serve(pool, database, desk, renewer))
        finally:
            await asyncio.to_thread(renewer.stop)

    def stop(self) -> None:
        """Begin to drain. Idempotent; call it on the event loop."""
        self._stopping.set()

    async def _serve(self, pool: Pool, database: Database, desk: Desk, renewer: Renewer) -> None:
        """Never claims more than it can begin at once: what waits is there for other workers."""
        carrier = self._carrier(pool, desk, pool.kinds)
        active: set[asyncio.Task[None]] = set()
        breath = 0.0
        while not self._stopping.is_set():
            heard = database.rings
            leased, wait = await self._claim(pool, database, pool.concurrency - len(active))
            for step in leased:
                active.add(asyncio.create_task(self._carry(carrier, step, pool, renewer)))
            if leased:
                breath = 0.0
            elif len(active) < pool.concurrency:
                breath = await self._breathe(database, active, wait, heard, breath)
            else:
                await self._pause(database, active, wait, None)
            active = {carrying for carrying in active if not carrying.done()}
        await self._drain(active)

    async def _serve_batches(
        self, pool: Pool, database: Database, desk: Desk, renewer: Renewer
    ) -> None:
        """Claims more while there is more and it goes quickly, less when it takes long."""
        carrier = self._carrier(pool, desk)
        clock = asyncio.get_running_loop().time
        size = _FIRST_BATCH
        breath = 0.0
        while not self._stopping.is_set():
            heard = database.rings
            leased, wait = await self._claim(pool, database, min(size, pool.batch))
            if not leased:
                breath = await self._breathe(database, set(), wait, heard, breath)
                continue
            breath = 0.0
            begun = clock()
            await self._carry_together(carrier, leased, pool, renewer)
            if clock() - begun > _LONG_BATCH:
                size = max(_FIRST_BATCH, size // 2)
            elif len(leased) >= size:
                size = min(2 * size, pool.batch)

    def _carrier(self, pool: Pool, desk: Desk, onward: Collection[StepKind] = ()) -> Carrier:
        return Carrier(
            desk.database,
            self._handlers,
            self._settings,
            pool.processor,
            self._tracer,
            desk,
            onward,
        )

    async def _claim(
        self, pool: Pool, database: Database, free: int
    ) -> tuple[list[LeasedStep], float]:
        """The steps that were leased, and how long to wait when there are none.

        A database that is away is waited for.
        """
        if free <= 0:
            return [], _LONGEST_WAIT

        lasts = timedelta(seconds=self._settings.lease)
        lease = Lease(pool.processor, pool.kinds, self._platforms, free, lasts)

        async def claim(connection: Connection) -> tuple[list[LeasedStep], float]:
            leased = await steps.claim(connection, lease)
            if leased:
                return leased, 0.0
            free = await steps.next_free(connection, pool.kinds, self._platforms)
            wait = free.total_seconds() if free else self._settings.poll
            return [], min(max(wait, 0.01), self._settings.poll)

        try:
            return await database.write_apart(claim)
        except Unavailable as error:
            _log.warning(LogEvent.CLAIM_FAILED, reason=str(error))
            return [], _UNTIL_IT_IS_BACK

    async def _breathe(
        self,
        database: Database,
        active: set[asyncio.Task[None]],
        wait: float,
        heard: int,
        breath: float,
    ) -> float:
        """Pause where a claim found nothing. While a busy database rings the bell for others, look
        less and less often; the next breath, which is none after a quiet moment."""
        await asyncio.sleep(breath)
        clock = asyncio.get_running_loop().time
        begun = clock()
        await self._pause(database, active, wait, heard)
        is_busy = clock() - begun < _LONGEST_BREATH
        return min(2 * breath or _FIRST_BREATH, _LONGEST_BREATH) if is_busy else 0.0

    async def _pause(
        self,
        database: Database,
        active: set[asyncio.Task[None]],
        wait: float,
        heard: int | None,
    ) -> None:
        """Until a bell, a free place, the next due step, or the end. None hears no bell."""
        waits: set[asyncio.Task[Any]] = {asyncio.create_task(self._stopping.wait())}
        if heard is not None:
            waits.add(asyncio.create_task(database.wait(wait, heard)))
        done, _ = await asyncio.wait(
            waits | active, timeout=wait, return_when=asyncio.FIRST_COMPLETED
        )
        for waiting in waits - done:
            waiting.cancel()
        await asyncio.wait(waits)

    async def _carry(
        self, carrier: Carrier, step: LeasedStep, pool: Pool, renewer: Renewer
    ) -> None:
        """Carries a step, and goes on with what has waited for it, until it is to stop."""
        then = await self._carry_one(carrier, step, None, pool, renewer)
        while then is not None:
            if self._stopping.is_set():
                await self._leave(carrier, then.step, [])
                return
            then = await self._carry_one(carrier, then.step, then, pool, renewer)

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
            session=step.session,
            platform=step.platform,
        )
        acting = asyncio.create_task(carrier.carry(step, carried))
        losses: list[Loss] = []

        def stop(loss: Loss) -> None:
            losses.append(loss)
            loop.call_soon_threadsafe(acting.cancel)

        renewer.hold(step.id, Held(pool.processor, stop))
        try:
            return await acting
        except asyncio.CancelledError:
            acting.cancel()
            await asyncio.wait([acting])
            await self._leave(carrier, step, losses)
        except Unavailable as error:
            _log.warning(LogEvent.STEP_UNFINISHED, reason=str(error))
        finally:
            renewer.release(step.id)
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

        for step in leased:
            renewer.hold(step.id, Held(pool.processor, stop))
        try:
            await asyncio.wait([carrying])
            if not carrying.cancelled() and (error := carrying.exception()) is not None:
                if not isinstance(error, Unavailable):
                    raise error
                _log.warning(LogEvent.STEP_UNFINISHED, reason=str(error))
        finally:
            for step in leased:
                renewer.release(step.id)

    async def _drain(self, active: set[asyncio.Task[None]]) -> None:
        if not active:
            return
        _, late = await asyncio.wait(active, timeout=self._settings.drain)
        for carrying in late:
            carrying.cancel()
        if late:
            await asyncio.wait(late)
