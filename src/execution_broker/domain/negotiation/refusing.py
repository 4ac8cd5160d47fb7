"""What would help where there is no time or no room: another window, or less of something (N9).

Time goes on while a suggestion is read: it is made for the frame of a little later. It is good in
the frame of now as well: what can be held until later can be held for shorter.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Final

import msgspec

from execution_broker.domain.capability import Flavour
from execution_broker.domain.demand import Bound, Demand, Size, amount_place
from execution_broker.domain.iso8601 import (
    write_epoch,
    write_epochs,
    write_seconds,
)
from execution_broker.domain.messages import NO_CAPACITY, NOT_ENOUGH_TIME
from execution_broker.domain.negotiation.bisecting import most_that
from execution_broker.domain.negotiation.bounds import is_kept, least_cores
from execution_broker.domain.negotiation.flavouring import is_enough, is_within, usable
from execution_broker.domain.negotiation.framing import Frame, lengthened
from execution_broker.domain.negotiation.placing import find, find_after
from execution_broker.domain.negotiation.site import Case, Rules
from execution_broker.domain.negotiation.spreading import is_adjustable
from execution_broker.domain.negotiation.trial import Trial

Frames = tuple[Frame, Frame]
"""That of now, and that of the last moment at which a suggestion must still help."""

HORIZON: Final = 7 * 86400
"""How many seconds beyond the window a free start is looked for."""

_START: Final = "schedule.requested.start"


def not_enough_time(
    case: Case, trial: Trial, bounds: tuple[Bound, ...], frames: Frames, rules: Rules
) -> None:
    """The window must close later: just late enough to prepare, hold, and find room."""
    frame, later = frames
    longer = lengthened(later)
    shape = trial.shape(case.demand)
    found = find(trial, shape, bounds, longer) is not None
    last = longer.last
    if not found:
        start = find_after(trial, shape, bounds, longer.last + 1, HORIZON)
        found, last = start is not None, start or last
    window = case.demand.window_start
    case.relax(
        NOT_ENOUGH_TIME(
            missing=write_seconds(frame.missing),
            platform=case.site.name,
            prepare=write_seconds(frame.prepare),
            hold=write_seconds(min(rules.least_hold, rules.hold)),
            path=_START,
            from_=write_epochs(window, case.demand.window_end),
            to=write_epochs(window, last + 1),
        )
    )
    if not found:
        no_room(case, trial, bounds, (longer, longer), rules)


def no_room(
    case: Case, trial: Trial, bounds: tuple[Bound, ...], frames: Frames, rules: Rules
) -> None:
    """One message for each dimension that helps on its own: when, how much, how long. Where some of
    what is asked for changes anyway, that goes together with all that is suggested already."""
    frame, _ = frames
    values = {
        "platform": case.site.name,
        "start": write_epoch(frame.first),
        "end": write_epoch(frame.last + 1),
    }
    ways = list(_Ways(case, trial, bounds, frames).suggestions()) if rules.suggests else []
    for way in _together(case, ways) or [{"hint": "Ask again later."}]:
        case.faults.append(NO_CAPACITY(**values, **way))


def _together(case: Case, ways: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The ways that may be suggested beside what is suggested already: a window that changes anyway
    is moved to where there is room; anything else that does is changed further only if it must."""
    moved = [way for way in ways if way["path"] == _START and case.is_changed(_START)]
    fresh = [way for way in ways if not case.is_changed(way["path"])]
    return moved or fresh or ways[:1]


class _Ways:
    """Less of something must help later, unless the window will have closed by then anyway."""

    def __init__(self, case: Case, trial: Trial, bounds: tuple[Bound, ...], frames: Frames) -> None:
        self.demand = case.demand
        self.case = case
        self.floors = case.inquiry.floors
        self.trial = trial
        self.bounds = bounds
        now, self.later = frames
        self.frame = now if self.later.missing > 0 else self.later

    def suggestions(self) -> Iterator[dict[str, Any]]:
        yield from self._later()
        if self.case.flavour is None:
            yield from self._fewer_cores()
            yield from self._less_memory()
        else:
            yield from self._smaller()
        yield from self._fewer_of_each()
        yield from self._less_storage()
        yield from self._shorter()

    def _later(self) -> Iterator[dict[str, Any]]:
        shape = self.trial.shape(self.demand)
        later = self.later
        begin = max(later.first, later.last + 1, later.soonest + later.prepare)
        start = find_after(self.trial, shape, self.bounds, begin, HORIZON)
        if start is not None:
            window = self.demand.window_start
            yield {
                "hint": f"The first free start is {write_epoch(start)}.",
                "path": _START,
                "from_": write_epochs(window, self.demand.window_end),
                "to": write_epochs(window, start + 1),
            }

    def _fewer_cores(self) -> Iterator[dict[str, Any]]:
        asked = self.demand.cores.min
        low = least_cores(self.demand, self.trial, self.bounds, 1, asked) or asked
        cores = self._most(low, asked - 1, lambda n: {"cores": Size(n)})
        if cores is not None:
            yield _less("compute.cores.min", f"{cores} cores", asked, cores)

    def _less_memory(self) -> Iterator[dict[str, Any]]:
        asked = self.demand.memory.min
        memory = self._most(1, asked - 1, lambda n: {"memory": Size(n)})
        if memory is not None:
            yield _less("compute.memory.min", f"{memory} GiB of memory", asked, memory)

    def _smaller(self) -> Iterator[dict[str, Any]]:
        """Fixed sizes: the largest of the smaller ones with room, for either amount on its own."""
        asked, memory = self.case.asked, self.case.asked.memory.min
        change = msgspec.structs.replace
        for flavour in reversed(usable(self.case.site)):
            fewer = change(asked, cores=Size(flavour.cores, asked.cores.max))
            if flavour.cores < asked.cores.min and self._fits(flavour, fewer):
                cores = flavour.cores
                yield _less("compute.cores.min", f"{cores} cores", asked.cores.min, cores)
                break
        for flavour in reversed(usable(self.case.site)):
            smaller = change(asked, memory=Size(flavour.memory, asked.memory.max))
            if flavour.memory < memory and self._fits(flavour, smaller):
                gib = flavour.memory
                yield _less("compute.memory.min", f"{gib} GiB of memory", memory, gib)
                break

    def _fits(self, flavour: Flavour, asked: Demand) -> bool:
        """Whether this size is as asked, and there is room for it within every bound."""
        sizes = {"cores": Size(flavour.cores), "memory": Size(flavour.memory)}
        demand = msgspec.structs.replace(self.demand, **sizes)
        quote = self.trial.quote(demand)
        metrics = [bound for bound in self.bounds if bound.what == "metric"]
        return (
            is_enough(flavour, asked)
            and is_within(flavour, asked)
            and all(is_kept(bound, quote) for bound in metrics)
            and self._has_room(demand)
        )

    def _fewer_of_each(self) -> Iterator[dict[str, Any]]:
        """Of each further amount on its own."""
        amounts = self.demand.amounts
        for name, size in amounts.items():

            def fewer(number: int, name: str = name) -> dict[str, Any]:
                return {"amounts": {**amounts, name: Size(number)}}

            number = self._most(1, size.min - 1, fewer)
            if number is not None:
                path = f"{amount_place(name)}.min"
                yield _less(path, f"{number} of {name}", size.min, number)

    def _less_storage(self) -> Iterator[dict[str, Any]]:
        """Only of the storage that could give the most: one suggestion for the dimension."""
        spare = {
            index: part.size.min - self.floors[index]
            for index, part in enumerate(self.demand.storage)
            if is_adjustable(part)
        }
        if not spare:
            return
        index = max(spare, key=spare.__getitem__)
        asked = self.demand.storage[index].size.min

        def resized(gib: int) -> dict[str, Any]:
            storage = list(self.demand.storage)
            storage[index] = msgspec.structs.replace(storage[index], size=Size(gib))
            return {"storage": tuple(storage)}

        gib = self._most(self.floors[index], asked - 1, resized)
        if gib is not None:
            place = self.demand.storage[index].place
            yield _less(f"{place}.size.min", f"{gib} GiB in {place}", asked, gib)

    def _shorter(self) -> Iterator[dict[str, Any]]:
        asked = int(self.demand.duration.total_seconds())
        seconds = self._most(1, asked - 1, lambda n: {"duration": timedelta(seconds=n)})
        if seconds is not None:
            length = write_seconds(seconds)
            yield _less(
                "schedule.requested.duration",
                f"a session of {length}",
                write_seconds(asked),
                length,
            )

    def _most(self, low: int, high: int, change: Callable[[int], dict[str, Any]]) -> int | None:
        """The most of something in [low, high] with which there is room in the frame."""

        def fits(number: int) -> bool:
            demand = msgspec.structs.replace(self.demand, **change(number))
            return self._has_room(demand)

        return most_that(fits, low, high)

    def _has_room(self, demand: Demand) -> bool:
        shape = self.trial.shape(demand)
        return find(self.trial, shape, self.bounds, self.frame) is not None


def _less(path: str, what: str, asked: object, possible: object) -> dict[str, Any]:
    return {
        "hint": f"There is room for {what}.",
        "path": path,
        "from_": asked,
        "to": possible,
    }
