"""The plan: the graph of steps that prepare, run and release a session, with their costs."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cached_property
from typing import Final, NamedTuple

import msgspec

_URN: Final = "urn:execution-broker:step:"


class StepKind(StrEnum):
    """Every kind of step, by its URI."""

    PROBE = _URN + "probe"
    BEGIN = _URN + "begin"
    PREPARE_STORAGE = _URN + "prepare-storage"
    PREPARE_DATA = _URN + "prepare-data"
    PREPARE_EXECUTABLE = _URN + "prepare-executable"
    PREPARE_COMPUTE = _URN + "prepare-compute"
    START = _URN + "start"
    WATCH = _URN + "watch"
    END = _URN + "end"
    RELEASE_COMPUTE = _URN + "release-compute"
    COLLECT = _URN + "collect"
    RELEASE_EXECUTABLE = _URN + "release-executable"
    RELEASE_DATA = _URN + "release-data"
    RELEASE_STORAGE = _URN + "release-storage"
    FINISH = _URN + "finish"
    SWEEP = _URN + "sweep"
    REPORT = _URN + "report"
    RECONCILE = _URN + "reconcile"
    PURGE = _URN + "purge"
    NOTIFY = _URN + "notify"

    def __init__(self, uri: str) -> None:
        self.word = uri.removeprefix(_URN)


PREPARES: Final = frozenset(
    {
        StepKind.PREPARE_STORAGE,
        StepKind.PREPARE_DATA,
        StepKind.PREPARE_EXECUTABLE,
        StepKind.PREPARE_COMPUTE,
    }
)
RELEASES: Final = frozenset(
    {
        StepKind.RELEASE_COMPUTE,
        StepKind.COLLECT,
        StepKind.RELEASE_EXECUTABLE,
        StepKind.RELEASE_DATA,
        StepKind.RELEASE_STORAGE,
        StepKind.FINISH,
    }
)

TIMERS: Final = frozenset({StepKind.BEGIN, StepKind.END})
"""The kinds that wait for an instant which was promised, and for nothing else."""


class PlannedStep(msgspec.Struct, frozen=True):
    """`cost` in seconds. `needs`: keys of steps that must be COMPLETED before this one.
    `after`: keys of steps that must have ended, in whatever way."""

    key: str
    kind: StepKind
    component: str | None
    cost: int
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


class Times(NamedTuple):
    """Seconds: how long before the start preparing begins, what it takes, and how long after the
    end it is released."""

    start: int
    cost: int
    release: int


_NO_TIME: Final = Times(0, 0, 0)


class _Seconds(NamedTuple):
    """What a plan takes, in all and by component."""

    prepare: int
    release: int
    components: Mapping[str, Times]


class Plan(msgspec.Struct, frozen=True, dict=True):
    """Stored once for all offers of one offer set on one platform. A step comes after all that it
    waits for."""

    steps: tuple[PlannedStep, ...]

    def prepare_cost(self) -> int:
        """Seconds from the start of preparation until everything is ready: the longest path, and
        before it what beginning costs, the wait for a worker."""
        return self.seconds.prepare

    def release_cost(self) -> int:
        """Seconds from the end of the session until everything is gone."""
        return self.seconds.release

    def component_cost(self, component: str) -> int:
        """Seconds that preparing one component takes, without what it waits for."""
        return self.times(component).cost

    def component_start(self, component: str) -> int:
        """Seconds before the session's start at which preparing this component begins, counted
        backwards through the graph so that everything is ready at the start."""
        return self.times(component).start

    def component_release(self, component: str) -> int:
        """Seconds after the session's end by which this component is released."""
        return self.times(component).release

    def times(self, component: str) -> Times:
        """Those of one component; it takes no time if no step is about it."""
        return self.seconds.components.get(component, _NO_TIME)

    @cached_property
    def seconds(self) -> _Seconds:
        """Walked once: every offer of an answer is made from the same plan."""
        waiting = sum(step.cost for step in self.steps if step.kind is StepKind.BEGIN)
        prepares = [step for step in self.steps if step.kind in PREPARES]
        ends = _ends([step for step in self.steps if step.kind in RELEASES])
        remaining = _remaining(prepares)
        costs, starts = _costs(prepares), _latest(prepares, remaining)
        releases = _latest(self.steps, ends)
        return _Seconds(
            prepare=waiting + max(remaining.values(), default=0),
            release=max(ends.values(), default=0),
            components={
                one: Times(starts.get(one, 0), costs.get(one, 0), releases.get(one, 0))
                for one in {*starts, *releases}
            },
        )


def _costs(steps: Sequence[PlannedStep]) -> dict[str, int]:
    costs: dict[str, int] = {}
    for step in steps:
        if step.component is not None:
            costs[step.component] = costs.get(step.component, 0) + step.cost
    return costs


def _ends(steps: Sequence[PlannedStep]) -> dict[str, int]:
    """When each of these steps ends, counted from the start of the first: in sequence adds,
    parallel is the max."""
    found: dict[str, int] = {}
    for step in steps:
        before = 0
        for key in (*step.needs, *step.after):
            before = max(before, found.get(key, 0))
        found[step.key] = before + step.cost
    return found


def _remaining(steps: Sequence[PlannedStep]) -> dict[str, int]:
    """How long before everything is ready each preparation must begin: what needs it comes after
    it."""
    found: dict[str, int] = {}
    following: dict[str, int] = {}
    for step in reversed(steps):
        found[step.key] = whole = step.cost + following.get(step.key, 0)
        for key in step.needs:
            following[key] = max(following.get(key, 0), whole)
    return found


def _latest(steps: Sequence[PlannedStep], seconds: Mapping[str, int]) -> dict[str, int]:
    found: dict[str, int] = {}
    for step in steps:
        if step.component is not None and step.key in seconds:
            found[step.component] = max(found.get(step.component, 0), seconds[step.key])
    return found
