"""The places of a worker's pools, and what is handed to those that are free.

A transaction in which steps wake leases them for free places of this worker at once, and loads
them: no claim is needed, and no transaction of their own.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from execution_broker.domain.plan import StepKind
from execution_broker.storage.batch import Batch
from execution_broker.storage.records import LeasedStep
from execution_broker.storage.waking import Woken


class Onward(NamedTuple):
    """What a processor goes on with: a step of these kinds that has woken. It is leased, and
    `load` called, in the same transaction."""

    processor: UUID
    kinds: Collection[StepKind]
    lease: timedelta
    load: Callable[[Batch, LeasedStep, datetime], Awaitable[Any]]

    def takes(self, woken: Woken) -> bool:
        return woken.kind in self.kinds


class Free(NamedTuple):
    """A place whose step is written, a step of this session; and what it goes on with."""

    session: int | None
    onward: Onward


class Carried(NamedTuple):
    """A step that a processor has leased and loaded already, as it goes on with it."""

    step: LeasedStep
    loaded: Any


class Places:
    """The places of one pool. A place is free, kept for a step that is about to be leased, or
    taken. It may be kept from any thread; all else belongs to the event loop."""

    def __init__(
        self,
        number: int,
        onward: Onward,
        carry: Callable[[LeasedStep, Carried | None], Coroutine[Any, Any, None]],
        stopping: asyncio.Event,
    ) -> None:
        self.onward = onward
        self.active: set[asyncio.Task[None]] = set()
        self._number = number
        self._carry = carry
        self._stopping = stopping
        self._used = 0
        self._lock = threading.Lock()
        self._changed = asyncio.Event()

    @property
    def free(self) -> int:
        return self._number - self._used

    @property
    def spare(self) -> int:
        """How many are free beside a third of all, which is for what goes on."""
        return self._number * 2 // 3 - self._used

    def keep(self, most: int | None = None) -> int:
        """How many of the free places are kept from now on; none once the worker is to stop."""
        with self._lock:
            free = 0 if self._stopping.is_set() else self._number - self._used
            kept = free if most is None else min(free, most)
            self._used += kept
        return kept

    def give_up(self, kept: int) -> None:
        with self._lock:
            self._used -= kept
        self._changed.set()

    def begin(self, step: LeasedStep, carried: Carried | None = None) -> None:
        """Carry a step in a place that was kept."""
        carrying = asyncio.create_task(self._carry(step, carried))
        self.active.add(carrying)
        carrying.add_done_callback(self._end)

    async def until_free(self) -> None:
        """Return when a place is free, or the worker is to stop."""
        await self._until(lambda: self._used < self._number)

    async def until_spare(self) -> None:
        """Return when there are places to spare, or the worker is to stop."""
        await self._until(lambda: self.spare > 0 or not self._used)

    async def _until(self, is_so: Callable[[], bool]) -> None:
        if is_so():
            return
        waits = [asyncio.create_task(self._stopping.wait())]
        try:
            while not (waits[0].done() or is_so()):
                self._changed.clear()
                waits[1:] = [asyncio.create_task(self._changed.wait())]
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                waits[1].cancel()
        finally:
            for waiting in waits:
                waiting.cancel()

    def _end(self, carrying: "asyncio.Task[None]") -> None:
        self.active.discard(carrying)
        self.give_up(1)


class Handing:
    """What one transaction hands to free places, until it is committed. `brief`: to whom it hands
    what needs no place, as it is loaded, done and applied when it is leased."""

    def __init__(self, pools: Sequence[Places] = (), brief: Sequence[Onward] = ()) -> None:
        self.brief = brief
        self._pools = pools
        self._kept: list[Places] = []
        self._taken: list[tuple[Places, Carried]] = []

    @property
    def is_to_nobody(self) -> bool:
        return not self._pools and not self.brief

    def give_up(self) -> None:
        """The transaction was undone: it may begin again from the start."""
        for places in self._kept:
            places.give_up(1)
        self._kept.clear()
        self._taken.clear()

    def choose(self, woken: Iterable[Woken]) -> dict[int, Places]:
        """The places, kept from now on, in which these steps can be carried at once."""
        chosen: dict[int, Places] = {}
        for one in woken:
            for places in self._pools:
                if places.onward.takes(one) and places.keep(1):
                    self._kept.append(places)
                    chosen[one.id] = places
                    break
        return chosen

    def take(self, places: Places, carried: Carried) -> None:
        """It was leased and loaded."""
        self._taken.append((places, carried))

    def begin(self) -> None:
        """The transaction is committed."""
        for places, carried in self._taken:
            self._kept.remove(places)
            places.begin(carried.step, carried)
        self._taken.clear()
        self.give_up()


def choose(places: Mapping[int, Free], due: Sequence[Woken]) -> dict[int, int]:
    """Which steps the places go on with that have become free: one of its own session each, if
    there is one, so that what has begun comes to its end first."""
    left = {one.id: one for one in due}
    of_sessions: dict[int | None, list[Woken]] = {}
    for one in due:
        of_sessions.setdefault(one.session, []).append(one)
    chosen: dict[int, int] = {}
    free = dict(places)
    for before, place in places.items():
        own = of_sessions.get(place.session, ())
        _take(before, free, (one for one in own if one.id in left), left, chosen)
    for before in list(free):
        _take(before, free, left.values(), left, chosen)
    return chosen


def _take(
    before: int,
    free: dict[int, Free],
    among: Iterable[Woken],
    left: dict[int, Woken],
    chosen: dict[int, int],
) -> None:
    """The first of these that a place takes, if there is one."""
    one = next((one for one in among if free[before].onward.takes(one)), None)
    if one is not None:
        chosen[one.id] = before
        del left[one.id], free[before]
