"""Makes the plan of a demand on a platform: which steps, in which order, at what cost (N3, N4)."""

import math
from collections.abc import Iterator, Mapping
from typing import Final

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


class _Content:
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


def make_plan(
    demand: Demand, capability: Capability, lookups: Mapping[str, Lookup]
) -> tuple[Plan, tuple[Message, ...]]:
    """The plan, and a remark for each size that had to be assumed.

    `lookups` by component key; one that is missing is a size that is not known. Storage comes
    before its data, compute after everything (or before the executable, where the platform says
    so); each release reverses a preparation and waits for ends of any kind (S7).
    """
    contents = {content.key: content for content in _contents(demand, lookups)}
    costs = {key: content.cost(capability) for key, content in contents.items()}
    remarks = tuple(
        SIZE_ASSUMED(place=content.place, assumed=write_seconds(costs[content.key]))
        for content in contents.values()
        if content.size is None
    )
    prepares = _prepares(demand, capability, costs)
    ready = tuple(step.key for step in prepares)
    middle = (
        PlannedStep(START, StepKind.START, COMPUTE, 0, needs=ready),
        PlannedStep(WATCH, StepKind.WATCH, COMPUTE, 0, needs=(START,)),
        PlannedStep(END, StepKind.END, COMPUTE, 0, needs=(START,)),
    )
    begin = PlannedStep(BEGIN, StepKind.BEGIN, None, 0)
    releases = _releases(demand, capability.timings, (*ready, START, WATCH))
    return Plan((begin, *prepares, *middle, *releases)), remarks


def known_sizes(demand: Demand, lookups: Mapping[str, Lookup]) -> dict[str, int]:
    """Bytes by component key (`executable`, `data/0`), where they are known."""
    return {c.key: c.size for c in _contents(demand, lookups) if c.size is not None}


def bytes_to_stage(
    demand: Demand, capability: Capability, lookups: Mapping[str, Lookup]
) -> dict[str, int]:
    """Bytes by component key that are not here yet, where they are known."""
    return {
        content.key: content.size
        for content in _contents(demand, lookups)
        if content.size is not None and content.sha256 not in capability.staged
    }


def _contents(demand: Demand, lookups: Mapping[str, Lookup]) -> Iterator[_Content]:
    executable = demand.executable
    if isinstance(executable, JupyterNotebook):
        yield _Content(EXECUTABLE, EXECUTABLE, executable.checks, lookups.get(EXECUTABLE))
    for index, data in enumerate(demand.data):
        key = data_key(index)
        yield _Content(key, f"data[{index}]", data.resource.checks, lookups.get(key))


def _prepares(
    demand: Demand, capability: Capability, staging: Mapping[str, int]
) -> tuple[PlannedStep, ...]:
    timings = capability.timings
    steps = [
        _step(StepKind.PREPARE_STORAGE, storage_key(index), timings.storage, needs=(BEGIN,))
        for index, _ in enumerate(demand.storage)
    ]
    for index, data in enumerate(demand.data):
        place = _key(StepKind.PREPARE_STORAGE, storage_key(data.storage))
        cost = staging[data_key(index)]
        steps.append(_step(StepKind.PREPARE_DATA, data_key(index), cost, needs=(place,)))
    executable_cost = staging.get(EXECUTABLE, 0) + _environment(demand, capability)
    resources = tuple(step.key for step in steps) or (BEGIN,)
    if capability.executable_after_compute:
        compute = _step(StepKind.PREPARE_COMPUTE, COMPUTE, timings.compute, needs=resources)
        executable = _step(
            StepKind.PREPARE_EXECUTABLE, EXECUTABLE, executable_cost, needs=(compute.key,)
        )
        return (*steps, compute, executable)
    executable = _step(StepKind.PREPARE_EXECUTABLE, EXECUTABLE, executable_cost, needs=(BEGIN,))
    compute = _step(
        StepKind.PREPARE_COMPUTE, COMPUTE, timings.compute, needs=(*resources, executable.key)
    )
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


def _environment(demand: Demand, capability: Capability) -> int:
    """Seconds to have what the executable needs beside its own file."""
    timings = capability.timings
    here = is_ready_for(capability, demand.executable)
    return timings.executable_here if here else timings.executable_not_here


def _releases(demand: Demand, timings: Timings, before: tuple[str, ...]) -> tuple[PlannedStep, ...]:
    compute = _step(StepKind.RELEASE_COMPUTE, COMPUTE, timings.release, after=before)
    collect = _step(StepKind.COLLECT, OUTPUTS, 1, after=(compute.key,))
    executable = _step(StepKind.RELEASE_EXECUTABLE, EXECUTABLE, 1, after=(collect.key,))
    steps = [compute, collect, executable]
    inside: list[list[str]] = [[executable.key] for _ in demand.storage]
    for index, data in enumerate(demand.data):
        step = _step(StepKind.RELEASE_DATA, data_key(index), 1, after=(collect.key,))
        steps.append(step)
        inside[data.storage].append(step.key)
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
