"""Writes what comes of leased steps, many in one transaction: while one is written, others gather.

A transaction locks the sessions of its steps first, in their order, then the steps, then capacity,
platform by platform (B4). What belongs to a lease that is lost is void (S1).
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, NamedTuple
from uuid import UUID

import structlog

from execution_broker.domain.errors import Unavailable
from execution_broker.domain.log_events import LogEvent
from execution_broker.domain.plan import StepKind
from execution_broker.storage import steps
from execution_broker.storage.batch import Batch, Frames
from execution_broker.storage.database import Connection, Database
from execution_broker.storage.records import LeasedStep
from execution_broker.storage.steps import Woken

_log = structlog.get_logger()

_MOST: Final = 64
_ABREAST: Final = 2
"""While one transaction waits for the disk, another one can be made ready."""

_SOON: Final = timedelta(minutes=1)

Write = Callable[[Batch, datetime], Awaitable[Any]]


class Onward(NamedTuple):
    """What a processor goes on with where a step of a session has ended: another one of these
    kinds that has woken by it. It is leased, and `load` called, in the same
    transaction."""

    kinds: Collection[StepKind]
    lease: timedelta
    load: Callable[[Batch, LeasedStep, datetime], Awaitable[Any]]

    def takes(self, woken: Woken) -> bool:
        return woken.kind in self.kinds


class Written(NamedTuple):
    """`result` of the write. `next`: the step that was gone on with, and what its load gave."""

    result: Any
    next: LeasedStep | None = None
    loaded: Any = None


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
        self.database = database
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
        connection: Connection,
        processor: UUID,
        leased: Sequence[LeasedStep],
        write: Callable[[Batch, LeasedStep, datetime], Awaitable[Any]],
    ) -> list[tuple[LeasedStep, Any]]:
        """The same for each of these steps, in a transaction at hand: what came of those that are
        still held."""
        batch = Batch(connection, self._frames)
        held, now = await _held(batch, leased)
        told = [
            (step, await write(batch, step, now))
            for step in sorted(leased, key=_order)
            if (step.id, step.attempt, processor) in held
        ]
        _ring(batch, await batch.flush(now), now)
        return told

    async def _serve(self) -> None:
        while errands := self._next():
            keys = {one.step.session for one in errands if one.step.session is not None}
            self._busy |= keys
            try:
                await self._do(errands)
            finally:
                self._busy -= keys

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

    async def _do(self, errands: Sequence[Errand]) -> None:
        """One after the other where they cannot be done together: what is poisonous fails alone,
        and what was gone on with fails on its own when its turn comes."""
        try:
            results = await self.database.write(partial(_together, self._frames, errands))
        except asyncio.CancelledError:
            for one in errands:
                one.done.cancel()
            raise
        except Unavailable as error:
            _fail(errands, error)
        except BaseException as error:  # told to whoever waits for it, whatever it is
            if len(errands) == 1 and errands[0].onward is None:
                _fail(errands, error)
                return
            _log.info(LogEvent.BATCH_DIVIDED, reason=type(error).__name__)
            for one in errands:
                await self._do([one._replace(onward=None)])
        else:
            for one, written in zip(errands, results, strict=True):
                if not one.done.done():
                    one.done.set_result(written)


def _fail(errands: Sequence[Errand], error: BaseException) -> None:
    for one in errands:
        if not one.done.done():
            one.done.set_exception(error)


async def _together(
    frames: Frames, errands: Sequence[Errand], connection: Connection
) -> list[Written | None]:
    batch = Batch(connection, frames)
    held, now = await _held(batch, [one.step for one in errands])
    results: dict[int, Written] = {}
    for number in sorted(range(len(errands)), key=lambda number: _order(errands[number].step)):
        one = errands[number]
        if (one.step.id, one.step.attempt, one.processor) in held:
            with structlog.contextvars.bound_contextvars(
                processor=str(one.processor), step=str(one.step.uuid), session=one.step.session
            ):
                results[number] = Written(await one.write(batch, now))
    woken = await batch.advance(now)
    chosen = _choose({number: errands[number] for number in results}, woken, now)
    left = [one for one in woken if one.id not in chosen]
    if left:
        await steps.make_ready(batch, left)
    going = await _go_on(batch, errands, chosen, now)
    left += await batch.flush(now)
    _ring(batch, left, now)
    for number, (step, loaded) in going.items():
        results[number] = results[number]._replace(next=step, loaded=loaded)
    return [results.get(number) for number in range(len(errands))]


def _ring(batch: Batch, woken: Sequence[Woken], now: datetime) -> None:
    """For what is due, or so soon that who looks by himself may look too late."""
    if kinds := {one.kind for one in woken if one.free <= now + _SOON}:
        batch.ring(kinds)


def _choose(errands: Mapping[int, Errand], woken: Sequence[Woken], now: datetime) -> dict[int, int]:
    """Which of the steps each place goes on with that has become free: one of its own session, if
    there is one, so that what has begun comes to its end first."""
    left = [one for one in woken if one.free <= now]
    chosen: dict[int, int] = {}
    free = {number: errand for number, errand in errands.items() if errand.onward is not None}
    for is_of in (_is_of_its_session, _is_of_any_session):
        for number, errand in list(free.items()):
            one = next((one for one in left if is_of(errand, one)), None)
            if one is not None:
                chosen[one.id] = number
                left.remove(one)
                del free[number]
    return chosen


def _is_of_its_session(errand: Errand, woken: Woken) -> bool:
    return woken.session == errand.step.session and _is_of_any_session(errand, woken)


def _is_of_any_session(errand: Errand, woken: Woken) -> bool:
    return errand.onward is not None and errand.onward.takes(woken)


async def _go_on(
    batch: Batch, errands: Sequence[Errand], chosen: Mapping[int, int], now: datetime
) -> dict[int, tuple[LeasedStep, Any]]:
    going: dict[int, tuple[LeasedStep, Any]] = {}
    for processor in {errands[number].processor for number in chosen.values()}:
        mine = {id_: n for id_, n in chosen.items() if errands[n].processor == processor}
        onward = errands[min(mine.values())].onward
        assert onward is not None
        for step in await steps.claim_woken(batch, processor, mine, now + onward.lease):
            going[mine[step.id]] = step, await onward.load(batch, step, now)
    return going


async def _held(
    batch: Batch, leased: Sequence[LeasedStep]
) -> tuple[set[tuple[int, int, UUID]], datetime]:
    """Which attempts still hold their leases, and what time it is then; locks the sessions first,
    then the steps."""
    await batch.open({step.session for step in leased if step.session is not None})
    return await steps.held_among(batch, leased)


def _order(step: LeasedStep) -> tuple[int, int]:
    return step.platform or 0, step.id
