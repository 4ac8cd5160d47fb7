"""An inquiry: a demand as it is put to every site, with what follows from it wherever it is put."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final, Literal, NamedTuple

import msgspec

from execution_broker.domain.demand import (
    COMPUTE,
    EXECUTABLE,
    SESSION,
    Demand,
    Lookup,
    data_key,
    storage_key,
    volume_key,
)
from execution_broker.domain.planning import Content, contents_of
from execution_broker.models.component import Component, Cost, LifecycleComponent, Metric
from execution_broker.models.executable import Executable

_IDENTITY: Final = {"location", "image", "mode"}
_COMMON: Final = set(LifecycleComponent.__struct_fields__)
_GIB: Final = 1 << 30

Sort = Literal["compute", "storage", "data", "volumes"]
"""What a capability has a set of known kinds for."""


class Bound(msgspec.Struct, frozen=True):
    """The most of a cost or the least of a metric that a component, or the session, may have.

    `path` is the place of the limit in the request: `costs[0].max`, `compute.metrics[0].min`.
    """

    component: str
    path: str
    what: Literal["cost", "metric"]
    type: str
    limit: float


class Part(NamedTuple):
    """A component beside the executable: its key, its place in the request, and what it is.

    Storage that was not asked for has the place of the data that needs it.
    """

    key: str
    place: str
    sort: Sort
    component: Component


class Inquiry:
    """Found out once for all sites, and only read by them. `lookups` by component key.

    `features`: the optional parts of the executable that are asked for. `parts`: all other
    components. `contents`: what is to be staged. `floors`: GiB that each storage needs for what is
    known of its data. `bounds`: every bound; half a range that bounds nothing is none.
    """

    def __init__(self, demand: Demand, lookups: Mapping[str, Lookup]) -> None:
        self.demand = demand
        self.lookups = lookups
        self.features = _features(demand.executable)
        self.parts = tuple(_parts(demand))
        self.contents = contents_of(demand, lookups)
        self.floors = _floors(demand, self.contents)
        self.bounds = tuple(_bounds(demand, self.parts))

    def contents_for(self, executable: Executable) -> tuple[Content, ...]:
        """What is to be staged with this executable instead."""
        if executable is self.demand.executable:
            return self.contents
        return contents_of(self.demand, self.lookups, executable)


def _features(executable: Executable) -> frozenset[str]:
    """Those that are neither absent nor empty."""
    values = ((name, getattr(executable, name)) for name in _optional_of(type(executable)))
    return frozenset(name for name, value in values if value and value != type(value)())


@cache
def _optional_of(kind: type[Executable]) -> frozenset[str]:
    return frozenset(kind.__struct_fields__) - _COMMON - _IDENTITY


def _parts(demand: Demand) -> Iterator[Part]:
    yield Part(COMPUTE, COMPUTE, "compute", demand.compute)
    implied_for = {data.storage: f"data[{index}].storage" for index, data in enumerate(demand.data)}
    for i, storage in enumerate(demand.storage):
        place = implied_for[i] if storage.implied else f"storage[{i}]"
        yield Part(storage_key(i), place, "storage", storage.resource)
    for i, data in enumerate(demand.data):
        yield Part(data_key(i), f"data[{i}]", "data", data.resource)
    for i, volume in enumerate(demand.volumes):
        yield Part(volume_key(i), f"{COMPUTE}.volumes[{i}]", "volumes", volume.resource)


def _floors(demand: Demand, contents: tuple[Content, ...]) -> tuple[int, ...]:
    sizes = {one.key: one.size or 0 for one in contents}
    needs = [0] * len(demand.storage)
    for index, data in enumerate(demand.data):
        needs[data.storage] += sizes[data_key(index)]
    return tuple(max(1, -(-need // _GIB)) for need in needs)


def _bounds(demand: Demand, parts: tuple[Part, ...]) -> Iterator[Bound]:
    yield from _bounds_at(SESSION, "", demand.costs, demand.metrics)
    executable = demand.executable
    yield from _bounds_at(EXECUTABLE, f"{EXECUTABLE}.", executable.costs, executable.metrics)
    for key, place, _, component in parts:
        yield from _bounds_at(key, f"{place}.", component.costs, component.metrics)


def _bounds_at(
    key: str, prefix: str, costs: tuple[Cost, ...], metrics: tuple[Metric, ...]
) -> Iterator[Bound]:
    for i, cost in enumerate(costs):
        if cost.type and cost.max is not None:
            yield Bound(key, f"{prefix}costs[{i}].max", "cost", cost.type, cost.max)
    for i, metric in enumerate(metrics):
        if metric.type and metric.min is not None:
            yield Bound(key, f"{prefix}metrics[{i}].min", "metric", metric.type, metric.min)
