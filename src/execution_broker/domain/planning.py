"""Makes the plan of a demand on a platform: which steps, in which order, at what cost (N3, N4)."""

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from execution_broker.domain.amounts import OUTPUTS
from execution_broker.domain.capability import Capability, Timings
from execution_broker.domain.demand import (
    COMPUTE,
    EXECUTABLE,
    Demand,
    Lookup,
    data_key,
    storage_key,
)
from execution_broker.domain.iso8601 import write_seconds
from execution_broker.domain.messages import SIZE_ASSUMED
from execution_broker.domain.patterns import matches_any
from execution_broker.domain.plan import Plan, PlannedStep, StepKind
from execution_broker.domain.requirements import requirements_key
from execution_broker.domain.simulation import locations
from execution_broker.models.executable import Checks, Executable, JupyterNotebook
from execution_broker.models.message import Message

BEGIN: Final = StepKind.BEGIN.word
START: Final = StepKind.START.word
WATCH: Final = StepKind.WATCH.word
END: Final = StepKind.END.word
FINISH: Final = StepKind.FINISH.word
_PLANS: Final = 64
"""So many plans are kept: one of the largest requests takes some 100 KiB."""


class Content:
    """What has to be staged for one component: its checks and its size, if anybody knows."""

    def __init__(self, key: str, place: str, checks: Checks | None, lookup: Lookup | None) -> None:
        self.key = key
        self.place = place
        self.sha256 = (checks.sha256 or "").lower() if checks else ""
        given = checks.size if checks else None
        self.size = lookup.size if given is None and lookup else given

    def cost(self, capability: Capability) -> int:
        """Seconds to stage it."""
        timings = capability.timings
        if self.sha256 in capability.staged:
            return timings.here if self.size is None else 1
        if self.size is None:
            return timings.not_here
        return math.ceil(self.size / max(1, timings.throughput)) + 1

    def least_cost(self, capability: Capability) -> int:
        """Seconds in which it is staged when that goes well."""
        if self.sha256 in capability.staged or self.size is None:
            return 0
        return self.size // max(1, capability.quickest.throughput)


def make_plan(
    demand: Demand, contents: Sequence[Content], capability: Capability, waiting: int = 0
) -> tuple[Plan, tuple[Message, ...]]:
    """The plan, and a remark for each size that had to be assumed.

    `contents`: those of the demand. `waiting`: seconds that steps wait for a worker by now;
    preparation begins so much earlier. Storage comes before its data, compute after everything (or
    before the executable, where the platform says so); each release reverses a preparation and
    waits for ends of any kind (S7).
    """
    costs = {content.key: content.cost(capability) for content in contents}
    remarks = tuple(
        SIZE_ASSUMED(place=content.place, assumed=write_seconds(costs[content.key]))
        for content in contents
        if content.size is None
    )
    return _plan(_shape(demand, costs, capability, capability.timings, waiting)), remarks


def quickest(demand: Demand, contents: Sequence[Content], capability: Capability) -> int:
    """Seconds in which all of a demand is prepared when everything goes well."""
    costs = {content.key: content.least_cost(capability) for content in contents}
    return _plan(_shape(demand, costs, capability, capability.quickest)).prepare_cost()


class _Shape(NamedTuple):
    """All that a plan depends on: how long its beginning waits, how many storages, in which of them
    each data is staged at which cost, what executable, each storage, compute and its release cost,
    and which comes first."""

    waiting: int
    storage: int
    data: tuple[tuple[int, int], ...]
    executable: int
    storage_cost: int
    compute_cost: int
    release_cost: int
    executable_after_compute: bool


def _shape(
    demand: Demand,
    costs: Mapping[str, int],
    capability: Capability,
    timings: Timings,
    waiting: int = 0,
) -> _Shape:
    """`costs` of staging, by component key."""
    here = demand.executable is None or is_ready_for(capability, demand.executable)
    environment = timings.executable_here if here else timings.executable_not_here
    return _Shape(
        waiting=waiting,
        storage=len(demand.storage),
        data=tuple(
            (data.storage, costs[data_key(index)]) for index, data in enumerate(demand.data)
        ),
        executable=costs.get(EXECUTABLE, 0) + environment,
        storage_cost=timings.storage,
        compute_cost=timings.compute,
        release_cost=timings.release,
        executable_after_compute=capability.executable_after_compute,
    )


@lru_cache(maxsize=_PLANS)
def _plan(shape: _Shape) -> Plan:
    """Made once for requests and platforms that need the same steps."""
    prepares = _prepares(shape)
    ready = tuple(step.key for step in prepares)
    middle = (
        PlannedStep(START, StepKind.START, COMPUTE, 0, needs=ready),
        PlannedStep(WATCH, StepKind.WATCH, COMPUTE, 0, needs=(START,)),
        PlannedStep(END, StepKind.END, COMPUTE, 0, needs=(BEGIN,)),
    )
    begin = PlannedStep(BEGIN, StepKind.BEGIN, None, shape.waiting)
    releases = _releases(shape, (*ready, START, WATCH))
    return Plan((begin, *prepares, *middle, *releases))


def contents_of(
    demand: Demand, lookups: Mapping[str, Lookup], executable: Executable | None = None
) -> tuple[Content, ...]:
    """What has to be staged for a demand, or for the same with another executable. `lookups` by
    component key; one that is missing is a size that is not known."""
    found = []
    executable = executable or demand.executable
    if isinstance(executable, JupyterNotebook):
        checks = executable.checks
        found.append(Content(EXECUTABLE, EXECUTABLE, checks, lookups.get(EXECUTABLE)))
    for index, data in enumerate(demand.data):
        key = data_key(index)
        found.append(Content(key, data.place, data.resource.checks, lookups.get(key)))
    return tuple(found)


def bytes_to_stage(contents: Iterable[Content], capability: Capability) -> dict[str, int]:
    """Bytes by component key that are not here yet, where they are known."""
    return {
        content.key: content.size
        for content in contents
        if content.size is not None and content.sha256 not in capability.staged
    }


def _prepares(shape: _Shape) -> tuple[PlannedStep, ...]:
    steps = [
        _step(StepKind.PREPARE_STORAGE, storage_key(index), shape.storage_cost, needs=(BEGIN,))
        for index in range(shape.storage)
    ]
    for index, (storage, cost) in enumerate(shape.data):
        place = _key(StepKind.PREPARE_STORAGE, storage_key(storage))
        steps.append(_step(StepKind.PREPARE_DATA, data_key(index), cost, needs=(place,)))
    resources = tuple(step.key for step in steps) or (BEGIN,)
    kind, cost = StepKind.PREPARE_EXECUTABLE, shape.executable
    if shape.executable_after_compute:
        compute = _step(StepKind.PREPARE_COMPUTE, COMPUTE, shape.compute_cost, needs=resources)
        executable = _step(kind, EXECUTABLE, cost, needs=(compute.key,))
        return (*steps, compute, executable)
    executable = _step(kind, EXECUTABLE, cost, needs=(BEGIN,))
    needs = (*resources, executable.key)
    compute = _step(StepKind.PREPARE_COMPUTE, COMPUTE, shape.compute_cost, needs=needs)
    return (*steps, executable, compute)


def is_ready_for(capability: Capability, executable: Executable) -> bool:
    """Whether what it needs beside its own file is here: of a container, its image."""
    here = capability.environment_here
    if isinstance(executable, JupyterNotebook):
        if executable.requirements:
            here = here and requirements_key(executable.requirements) in capability.requirements
    elif capability.images is not None:
        here = any(matches_any(capability.images, one) for one in locations(executable))
    return here


def _releases(shape: _Shape, before: tuple[str, ...]) -> tuple[PlannedStep, ...]:
    compute = _step(StepKind.RELEASE_COMPUTE, COMPUTE, shape.release_cost, after=before)
    collect = _step(StepKind.COLLECT, OUTPUTS, 1, after=(compute.key,))
    executable = _step(StepKind.RELEASE_EXECUTABLE, EXECUTABLE, 1, after=(collect.key,))
    steps = [compute, collect, executable]
    inside: list[list[str]] = [[executable.key] for _ in range(shape.storage)]
    for index, (storage, _) in enumerate(shape.data):
        step = _step(StepKind.RELEASE_DATA, data_key(index), 1, after=(collect.key,))
        steps.append(step)
        inside[storage].append(step.key)
    for index, keys in enumerate(inside):
        steps.append(_step(StepKind.RELEASE_STORAGE, storage_key(index), 1, after=tuple(keys)))
    finish = PlannedStep(FINISH, StepKind.FINISH, None, 0, after=tuple(s.key for s in steps))
    return (*steps, finish)


def _step(
    kind: StepKind,
    component: str,
    cost: int,
    needs: tuple[str, ...] = (),
    after: tuple[str, ...] = (),
) -> PlannedStep:
    return PlannedStep(_key(kind, component), kind, component, cost, needs, after)


def _key(kind: StepKind, component: str) -> str:
    """`prepare-compute`, `prepare-data:data/0`: numbered components are named in the key."""
    return f"{kind.word}:{component}" if "/" in component else kind.word
