"""When a pool claims, and how much: in lumps, and only where there is reason to look."""

import asyncio
from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

import structlog

from execution_broker.config import Worker as WorkerSettings
from execution_broker.domain.errors import Unavailable
from execution_broker.domain.log_events import LogEvent
from execution_broker.domain.plan import StepKind
from execution_broker.storage import steps
from execution_broker.storage.database import Database
from execution_broker.storage.records import LeasedStep
from execution_broker.storage.steps import Lease
from execution_broker.worker.places import Places

_log = structlog.get_logger()

_UNTIL_IT_IS_BACK: Final = 1.0
_SHORTEST_WAIT: Final = 0.01
_FIRST_BREATH: Final = 0.005
_LONGEST_BREATH: Final = 0.04
_FEW: Final = 10


class Pool(NamedTuple):
    """One processor: it serves these kinds, and carries out so many steps at the same time.

    With `batch`, all of its kinds are brief: as many as that are claimed and carried together.
    """

    processor: UUID
    kinds: Collection[StepKind]
    concurrency: int
    batch: int = 0


class Claimer:
    """Claims for one pool, for all of its loops: one at a time, or two of a few steps each, as each
    waits for the server.

    It looks when the last claim got all that it asked for, when a bell rings for its kinds, or
    when the next step is due; not again within a breath, in which more places and more steps come
    free. A whole batch leaves nothing to wait for: the next is claimed at once. While others on a
    busy database take what the bell rings for, breaths get longer.
    """

    def __init__(
        self,
        pool: Pool,
        database: Database,
        platforms: Collection[int],
        settings: WorkerSettings,
        stopping: asyncio.Event,
    ) -> None:
        self._pool = pool
        self._database = database
        self._platforms = platforms
        self._settings = settings
        self._stopping = stopping
        self._turn = asyncio.Semaphore(2 if 0 < pool.batch <= _FEW else 1)
        self._heard = -1
        self._looked = -_LONGEST_BREATH
        self._until: float | None = -_LONGEST_BREATH
        self._breath = 0.0

    async def claim(self, most: Callable[[], int]) -> list[LeasedStep]:
        """Steps, as soon as there are some; nothing once the worker is to stop. `most`: how many at
        most, when it comes to that."""
        async with self._turn:
            while await self._reason():
                if leased := await self._look(most()):
                    return leased
        return []

    async def claim_into(self, places: Places) -> None:
        """Begin steps in half of the places that are free, as soon as there is reason to look for
        some. While it looks, the others are there for what wakes."""
        if not await self._reason():
            return
        kept = places.keep(places.free - places.free // 2)
        leased: list[LeasedStep] = []
        try:
            if kept:
                leased = await self._look(kept)
        finally:
            for step in leased:
                places.begin(step)
            places.give_up(kept - len(leased))

    async def _reason(self) -> bool:
        """Wait for a reason to look; False once the worker is to stop."""
        while not self._stopping.is_set() and (left := await self._left()) > 0:
            await self._until_called(left)
        left = self._looked + self._breath - asyncio.get_running_loop().time()
        if left > 0 and not self._stopping.is_set():
            await asyncio.sleep(left)
        return not self._stopping.is_set()

    async def _left(self) -> float:
        """Seconds for which there is no reason, unless a bell rings that no other claim has heard
        of."""
        if self._database.heard(self._pool.kinds) != self._heard:
            return 0.0
        clock = asyncio.get_running_loop().time
        if self._until is None:
            self._until = clock() + await self._until_free()
        return self._until - clock()

    async def _until_called(self, seconds: float) -> None:
        called = self._database.wait(seconds, self._heard, self._pool.kinds)
        waits: set[asyncio.Task[Any]] = {
            asyncio.create_task(called),
            asyncio.create_task(self._stopping.wait()),
        }
        done, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for waiting in pending:
            waiting.cancel()
        await asyncio.wait(waits)
        for waiting in done:
            waiting.result()

    async def _look(self, places: int) -> list[LeasedStep]:
        self._heard = self._database.heard(self._pool.kinds)
        leased, wait = await self._claim(places)
        before = self._looked
        self._looked = asyncio.get_running_loop().time()
        self._until = None if wait is None else self._looked + wait
        if self._pool.batch and len(leased) >= places:
            self._breath = 0.0
        elif leased or self._looked - before > 2 * _LONGEST_BREATH:
            self._breath = _FIRST_BREATH
        else:
            self._breath = min(2 * self._breath, _LONGEST_BREATH)
        return leased

    async def _claim(self, places: int) -> tuple[list[LeasedStep], float | None]:
        """The steps that were leased, and how long to wait before looking again unless called;
        None if that is still to be asked, so that what was leased need not wait for it.

        A database that is away is waited for.
        """
        pool = self._pool
        lasts = timedelta(seconds=self._settings.lease)
        lease = Lease(pool.processor, pool.kinds, self._platforms, places, lasts)

        try:
            leased = await self._database.write_apart(lambda c: steps.claim(c, lease))
        except Unavailable as error:
            _log.warning(LogEvent.CLAIM_FAILED, reason=str(error))
            return [], _UNTIL_IT_IS_BACK
        return leased, 0.0 if len(leased) >= places else None

    async def _until_free(self) -> float:
        """How long until there will be something to look for."""
        poll = self._settings.poll
        try:
            free = await self._database.look(
                lambda c: steps.next_free(c, self._pool.kinds, self._platforms)
            )
        except Unavailable as error:
            _log.warning(LogEvent.CLAIM_FAILED, reason=str(error))
            return _UNTIL_IT_IS_BACK
        return poll if free is None else min(max(free.total_seconds(), _SHORTEST_WAIT), poll)
