"""Writes what comes of leased steps, many in one transaction: while one is written, others gather.

A transaction locks the sessions of its steps first, in their order, then the steps, then capacity,
platform by platform (B4). What belongs to a lease that is lost is void (S1).
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar
from uuid import UUID

import structlog

from execution_broker.domain.errors import Unavailable
from execution_broker.domain.log_events import LogEvent
from execution_broker.storage import steps, waking
from execution_broker.storage.batch import Batch
from execution_broker.storage.database import Connection, Database
from execution_broker.storage.frames import Frames, Kept
from execution_broker.storage.records import LeasedStep
from execution_broker.storage.waking import Woken
from execution_broker.worker.places import Carried, Handing, Onward, Places
from execution_broker.worker.telling import telling_of

T = TypeVar("T")

_log = structlog.get_logger()

_MOST: Final = 64
_ABREAST: Final = 2
"""While one transaction waits for the disk, another one can be made ready."""

_CALM: Final = 3
"""Turns of the event loop in which nothing has come."""

_SOON: Final = timedelta(minutes=1)
"""What is due by then rings for those that wait for it; for later, they look by themselves."""

Write = Callable[[Batch, datetime], Awaitable[Any]]


class Written(NamedTuple):
    """`result` of the write. `then`: what the place goes on with."""

    result: Any
    then: Carried | None = None


class Errand(NamedTuple):
    """A write about one leased step."""

    step: LeasedStep
    processor: UUID
    write: Write
    onward: Onward | None
    done: "asyncio.Future[Written | None]"


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
        self._busy: set[int] = set()

    async def write(
        self, step: LeasedStep, processor: UUID, write: Write, onward: Onward | None = None
    ) -> Written | None:
        """Do it in a transaction that others may share; None when the lease was lost. Raises what
        it raises; it may be done again from the start, as the work of every transaction."""
        done: asyncio.Future[Written | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(Errand(step, processor, write, onward, done))
        self._serving = {one for one in self._serving if not one.done()}
        if len(self._serving) < _ABREAST:
            self._serving.add(asyncio.create_task(self._serve()))
        return await done

    async def together(
        self,
        processor: UUID,
        leased: Sequence[LeasedStep],
        write: Callable[[Batch, LeasedStep, datetime], Awaitable[Any]],
    ) -> list[tuple[LeasedStep, Any]]:
        """The same for each of these steps, in one transaction: what came of those that are still
        held."""

        async def work(handing: Handing, batch: Batch) -> list[tuple[LeasedStep, Any]]:
            held, now = await batch.open(leased)
            told = [
                (step, await write(batch, step, now))
                for step in sorted(leased, key=_order)
                if (step.id, step.attempt, processor) in held
            ]
            await _conclude(batch, {}, handing, now)
            return told

        return await self._handing(work, Handing(self.pools, self.brief))

    async def _handing(self, work: Callable[[Handing, Batch], Awaitable[T]], handing: Handing) -> T:
        """A transaction; then what it has leased for free places begins."""

        async def again(connection: Connection) -> tuple[T, list[Kept]]:
            handing.give_up()
            batch = Batch(connection, self._frames)
            return await work(handing, batch), batch.left()

        try:
            result, left = await self.database.write(again)
        except BaseException:
            handing.give_up()
            self._frames.forget()
            raise
        self._frames.keep(left)
        handing.begin()
        return result

    async def _serve(self) -> None:
        while errands := await self._gathered():
            keys = {one.step.session for one in errands if one.step.session is not None}
            self._busy |= keys
            try:
                await self._do(errands, Handing(self.pools, self.brief))
            finally:
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
        """Those that have waited longest. A session is in one transaction at a time; what belongs
        to none, as upkeep, has one of its own."""
        taken: list[Errand] = []
        left: deque[Errand] = deque()
        while self._waiting and len(taken) < _MOST:
            one = self._waiting.popleft()
            if one.done.done():
                continue
            if one.step.session in self._busy or (one.step.session is None and taken):
                left.append(one)
                continue
            taken.append(one)
            if one.step.session is None:
                break
        self._waiting.extendleft(reversed(left))
        return taken

    async def _do(self, errands: Sequence[Errand], handing: Handing) -> None:
        """One after the other where they cannot be done together: what is poisonous fails alone,
        and what was gone on with fails on its own when its turn comes."""
        try:
            results = await self._handing(partial(_together, errands), handing)
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
            for one, written in zip(errands, results, strict=True):
                if not one.done.done():
                    one.done.set_result(written)


def _fail(errands: Sequence[Errand], error: BaseException) -> None:
    for one in errands:
        if not one.done.done():
            one.done.set_exception(error)


async def _together(
    errands: Sequence[Errand], handing: Handing, batch: Batch
) -> list[Written | None]:
    held, now = await batch.open([one.step for one in errands])
    results: dict[int, Written] = {}
    for number in sorted(range(len(errands)), key=lambda number: _order(errands[number].step)):
        one = errands[number]
        if (one.step.id, one.step.attempt, one.processor) in held:
            with telling_of(one.step, one.processor):
                results[number] = Written(await one.write(batch, now))
    free = {number: errands[number] for number in results if errands[number].onward is not None}
    for number, then in (await _conclude(batch, free, handing, now)).items():
        results[number] = results[number]._replace(then=then)
    return [results.get(number) for number in range(len(errands))]


async def _conclude(
    batch: Batch, free: Mapping[int, Errand], handing: Handing, now: datetime
) -> dict[int, Carried]:
    """Write all that was gathered. What has woken is leased by the places that have become free,
    or for others that are free; the rest is READY. What the errands go on with."""
    woken = await _carry_brief(batch, handing, await batch.woken(), now)
    due = [one for one in woken if one.due <= now]
    own = _choose(free, due)
    handed = handing.choose(one for one in due if one.id not in own)
    left = [one for one in woken if one.id not in own and one.id not in handed]
    await waking.make_ready(batch, left, now)
    then: dict[int, Carried] = {}
    takers = {id_: free[number].onward for id_, number in own.items()}
    takers |= {id_: places.onward for id_, places in handed.items()}
    for processor in {one.processor for one in takers.values() if one is not None}:
        mine = {id_: one for id_, one in takers.items() if one and one.processor == processor}
        lasts = max(one.lease for one in mine.values())
        for step in await steps.claim_woken(batch, processor, mine, now, lasts):
            carried = Carried(step, await mine[step.id].load(batch, step, now))
            if step.id in own:
                then[own[step.id]] = carried
            else:
                handing.take(handed[step.id], carried)
    left += await batch.flush(now)
    if kinds := {one.kind for one in left if one.due <= now + _SOON}:
        batch.ring(kinds)
    return then


async def _carry_brief(
    batch: Batch, handing: Handing, woken: Sequence[Woken], now: datetime
) -> list[Woken]:
    """Carry what does nothing outside; what has woken besides, and by that."""
    left = list(woken)
    for brief in handing.brief:
        mine = {one.id for one in left if one.due <= now and brief.takes(one)}
        if mine:
            left = [one for one in left if one.id not in mine]
            for step in await steps.claim_woken(batch, brief.processor, mine, now, brief.lease):
                await brief.load(batch, step, now)
            left += await batch.woken()
    return left


def _choose(errands: Mapping[int, Errand], due: Sequence[Woken]) -> dict[int, int]:
    """Which steps the places go on with that have become free: one of its own session each, if
    there is one, so that what has begun comes to its end first."""
    left = {one.id: one for one in due}
    of_sessions: dict[int | None, list[Woken]] = {}
    for one in due:
        of_sessions.setdefault(one.session, []).append(one)
    chosen: dict[int, int] = {}
    free = dict(errands)
    for number, errand in errands.items():
        own = of_sessions.get(errand.step.session, ())
        _take(number, free, (one for one in own if one.id in left), left, chosen)
    for number in list(free):
        _take(number, free, left.values(), left, chosen)
    return chosen


def _take(
    number: int,
    free: dict[int, Errand],
    among: Iterable[Woken],
    left: dict[int, Woken],
    chosen: dict[int, int],
) -> None:
    """The first of these that the place of an errand takes, if there is one."""
    onward = free[number].onward
    one = next((one for one in among if onward is not None and onward.takes(one)), None)
    if one is not None:
        chosen[one.id] = number
        del left[one.id], free[number]


def _order(step: LeasedStep) -> tuple[int, int]:
    return step.platform or 0, step.id
