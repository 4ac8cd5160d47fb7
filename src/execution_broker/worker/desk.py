"""Writes what comes of leased steps, many in one transaction: as one is written, others gather."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from datetime import datetime
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar
from uuid import UUID

import structlog

from execution_broker.domain.errors import Unavailable
from execution_broker.domain.log_events import LogEvent
from execution_broker.storage.batch import Batch
from execution_broker.storage.database import Connection, Database
from execution_broker.storage.frames import Frames
from execution_broker.storage.records import LeasedStep
from execution_broker.worker.errands import Errand, Told, WriteOf, together
from execution_broker.worker.places import Carried, Handing, Onward, Places
from execution_broker.worker.telling import tell, telling_of

T = TypeVar("T")

_log = structlog.get_logger()

_MOST: Final = 64
_ABREAST: Final = 2
"""Transactions under way. The second one begins when it is worth it, or the first one is slow."""
_SLOW: Final = 0.012
"""Seconds."""

_CALM: Final = 3
"""Turns of the event loop in which nothing has come."""

Write = Callable[[Batch, datetime], Awaitable[Any]]


class Written(NamedTuple):
    """`result` of the write. `then`: what the place goes on with."""

    result: Any
    then: Carried | None = None


class Desk:
    """One for all processors of a worker. Belongs to the event loop that first uses it."""

    def __init__(self, database: Database) -> None:
        """`pools`: those whose free places are handed what wakes. `brief`: those to whom it is
        handed at once, in the transaction in which it wakes, as it does nothing outside."""
        self.database = database
        self.pools: list[Places] = []
        self.brief: list[Onward] = []
        self._frames = Frames()
        self._waiting: deque[Errand] = deque()
        self._serving: set[asyncio.Task[None]] = set()
        self._is_gathering = False
        self._worth = 1
        self._busy: set[int] = set()

    async def write(
        self, step: LeasedStep, processor: UUID, write: Write, onward: Onward | None = None
    ) -> Written | None:
        """Do it in a transaction that others may share; None when the lease was lost. Raises what
        it raises; it may be done again from the start, as the work of every transaction."""

        async def telling(batch: Batch, step: LeasedStep, now: datetime) -> Any:
            with telling_of(step, processor):
                return await write(batch, now)

        told = await self._wait([step], processor, telling, onward, is_alone=step.session is None)
        mine = step.id, step.attempt
        if mine not in told.results:
            return None
        return Written(told.results[mine], told.then.get(step.id))

    async def together(
        self, processor: UUID, leased: Sequence[LeasedStep], write: WriteOf
    ) -> list[tuple[LeasedStep, Any]]:
        """The same for each of these steps, all in one transaction: what came of those that are
        still held. Raises when one of them cannot be done; then none is."""
        told = await self._wait(leased, processor, write)
        mine = ((step, (step.id, step.attempt)) for step in leased)
        return [(step, told.results[one]) for step, one in mine if one in told.results]

    async def _wait(
        self,
        leased: Sequence[LeasedStep],
        processor: UUID,
        write: WriteOf,
        onward: Onward | None = None,
        *,
        is_alone: bool = False,
    ) -> Told:
        done: asyncio.Future[Told] = asyncio.get_running_loop().create_future()
        self._waiting.append(Errand(leased, processor, write, onward, done, is_alone))
        if len(self._waiting) >= self._worth:
            self._begin()
        return await done

    async def _handing(self, work: Callable[[Handing, Batch], Awaitable[T]], handing: Handing) -> T:
        """A transaction; then what it has leased for free places begins."""

        async def again(connection: Connection) -> tuple[T, Batch]:
            handing.give_up()
            batch = Batch(connection, self._frames)
            return await work(handing, batch), batch

        try:
            result, batch = await self.database.write(again)
        except BaseException:
            handing.give_up()
            self._frames.forget()
            raise
        self._frames.keep(batch.left())
        tell(batch.told())
        handing.begin()
        return result

    def _begin(self) -> None:
        """Make the next transaction ready, if anybody waits for it."""
        if self._waiting and not self._is_gathering and len(self._serving) < _ABREAST:
            self._is_gathering = True
            serving = asyncio.get_running_loop().create_task(self._serve(), context=Context())
            self._serving.add(serving)
            serving.add_done_callback(self._end)

    def _end(self, serving: "asyncio.Task[None]") -> None:
        self._serving.discard(serving)
        self._go_on()

    def _go_on(self) -> None:
        """Whoever waits, now or later, waits no more for those that are under way."""
        self._worth = 1
        self._begin()

    async def _serve(self) -> None:
        """One transaction. While it is under way, as many errands gather for the next one as it
        carries: many in one are cheaper than few in two. Nobody waits long for a slow one."""
        try:
            errands = await self._gathered()
        finally:
            self._is_gathering = False
        if not errands:
            return
        keys = set().union(*(one.sessions for one in errands))
        self._busy |= keys
        self._worth = len(errands)
        slow = asyncio.get_running_loop().call_later(_SLOW, self._go_on)
        try:
            await self._do(errands, Handing(self.pools, self.brief))
        finally:
            slow.cancel()
            self._busy -= keys

    async def _gathered(self) -> list[Errand]:
        """What has come, once nothing more comes at once: those who have shared a transaction come
        back one after the other, and share the next one, too. Waits for no clock."""
        calm = before = 0
        while calm < _CALM:
            await asyncio.sleep(0)
            calm = calm + 1 if len(self._waiting) == before else 0
            before = len(self._waiting)
        return self._next()

    def _next(self) -> list[Errand]:
        """Those that have waited longest. A session is in one transaction at a time, and its
        errands keep their order; what belongs to none, as upkeep, has one of its own."""
        taken: list[Errand] = []
        left: deque[Errand] = deque()
        busy = set(self._busy)
        number = 0
        while self._waiting and number < _MOST:
            one = self._waiting.popleft()
            if one.done.done():
                continue
            sessions = one.sessions
            if not busy.isdisjoint(sessions) or (taken and one.is_alone):
                left.append(one)
                busy |= sessions
                continue
            taken.append(one)
            number += len(one.steps)
            if one.is_alone:
                break
        self._waiting.extendleft(reversed(left))
        return taken

    async def _do(self, errands: Sequence[Errand], handing: Handing) -> None:
        """One after the other where they cannot be done together: what is poisonous fails alone,
        and what was gone on with fails on its own when its turn comes."""
        try:
            told = await self._handing(partial(together, errands), handing)
        except asyncio.CancelledError:
            for one in errands:
                one.done.cancel()
            raise
        except Unavailable as error:
            _fail(errands, error)
        except BaseException as error:  # told to whoever waits for it, whatever it is
            if len(errands) == 1 and errands[0].onward is None and handing.is_to_nobody:
                _fail(errands, error)
                return
            _log.info(LogEvent.BATCH_DIVIDED, reason=type(error).__name__)
            for one in errands:
                await self._do([one._replace(onward=None)], Handing())
        else:
            for one in errands:
                if not one.done.done():
                    one.done.set_result(told)


def _fail(errands: Sequence[Errand], error: BaseException) -> None:
    for one in errands:
        if not one.done.done():
            one.done.set_exception(error)
