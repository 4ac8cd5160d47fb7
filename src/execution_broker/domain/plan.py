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
    PROLONG = _URN + "prolong"
    PURGE = _URN + "purge"

    @property
    def word(self) -> str:
        return self.value.removeprefix(_URN)


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


class _Seconds(NamedTuple):
    """What a plan takes, by component: to prepare it, how long before the start that begins, and
    how long after the end it is released."""

    costs: Mapping[str, int]
    starts: Mapping[str, int]
    releases: Mapping[str, int]


class Plan(msgspec.Struct, frozen=True, dict=True):
    """Stored once for all offers of one offer set on one platform."""

    steps: tuple[PlannedStep, ...]

    def prepare_cost(self) -> int:
        """Seconds from the start of preparation until everything is ready: the longest path."""
        return max(_ends(self.steps, PREPARES).values(), default=0)

    def release_cost(self) -> int:
        """Seconds from the end of the session until everything is gone."""
        return max(_ends(self.steps, RELEASES).values(), default=0)

    def component_cost(self, component: str) -> int:
        """Seconds that preparing one component takes, without what it waits for."""
        return self.seconds.costs.get(component, 0)

    def component_start(self, component: str) -> int:
        """Seconds before the session's start at which preparing this component begins, counted
        backwards through the graph so that everything is ready at the start."""
        return self.seconds.starts.get(component, 0)

    def component_release(self, component: str) -> int:
        """Seconds after the session's end by which this component is released."""
        return self.seconds.releases.get(component, 0)

    @cached_property
    def seconds(self) -> _Seconds:
        """Walked once: every offer of an answer is made from the same plan."""
        return _Seconds(
            costs=_costs(self.steps),
            starts=_latest(self.steps, PREPARES, _remaining(self.steps)),
            releases=_latest(self.steps, RELEASES, _ends(self.steps, RELEASES)),
        )


def _costs(steps: Sequence[PlannedStep]) -> dict[str, int]:
    costs: dict[str, int] = {}
    for step in steps:
        if step.component is not None and step.kind in PREPARES:
            costs[step.component] = costs.get(step.component, 0) + step.cost
    return costs


def _ends(steps: Sequence[PlannedStep], kinds: frozenset[StepKind]) -> Mapping[str, int]:
    """When each step of these kinds ends, counted from the start of the first."""
    by_key = {step.key: step for step in steps if step.kind in kinds}
    before = {
        key: [k for k in (*step.needs, *step.after) if k in by_key] for key, step in by_key.items()
    }
    return _lengths(by_key, before)


def _remaining(steps: Sequence[PlannedStep]) -> Mapping[str, int]:
    """How long before everything is ready each preparation must begin."""
    by_key = {step.key: step for step in steps if step.kind in PREPARES}
    followers: dict[str, list[str]] = {key: [] for key in by_key}
    for step in by_key.values():
        for key in step.needs:
            if key in followers:
                followers[key].append(step.key)

    return _lengths(by_key, followers)


def _lengths(
    steps: Mapping[str, PlannedStep], next_: Mapping[str, Sequence[str]]
) -> Mapping[str, int]:
    """The cost of each step with those of the longest way on from it: in sequence adds, parallel
    is the max."""
    found: dict[str, int] = {}

    def length(key: str) -> int:
        if key not in found:
            found[key] = steps[key].cost + max(map(length, next_[key]), default=0)
        return found[key]

    for key in steps:
        length(key)
    return found


def _latest(
    steps: Sequence[PlannedStep], kinds: frozenset[StepKind], seconds: Mapping[str, int]
) -> dict[str, int]:
    found: dict[str, int] = {}
    for step in steps:
        if step.component is not None and step.kind in kinds:
            found[step.component] = max(found.get(step.component, 0), seconds[step.key])
    return found
