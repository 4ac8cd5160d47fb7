"""An inquiry: a demand as it is put to every site, with what follows from it wherever it is put."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Final, Literal, NamedTuple

from execution_broker.domain.demand import (
    COMPUTE,
    Demand,
    Lookup,
    data_key,
    storage_key,
    volume_key,
)
from execution_broker.domain.planning import Content, contents_of
from execution_broker.models.component import Component, LifecycleComponent
from execution_broker.models.executable import Executable
from execution_broker.models.message import Message

_IDENTITY: Final = {"location", "image", "mode"}
_COMMON: Final = set(LifecycleComponent.__struct_fields__)
_GIB: Final = 1 << 30

Sort = Literal["compute", "storage", "data", "volumes"]
"""What a capability has a set of known kinds for."""


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
    known of its data.
    """

    def __init__(
        self, demand: Demand, lookups: Mapping[str, Lookup], faults: Sequence[Message] = ()
    ) -> None:
        """`faults`: those that the request has wherever it is put. The demand is without them."""
        self.demand = demand
        self.lookups = lookups
        self.faults = faults
        self.features = _features(demand.executable)
        self.parts = tuple(_parts(demand))
        self.contents = contents_of(demand, lookups)
        self.floors = _floors(demand, self.contents)
        self.bounds = demand.bounds

    def contents_for(self, executable: Executable | None) -> tuple[Content, ...]:
        """What is to be staged with this executable instead."""
        if executable is self.demand.executable:
            return self.contents
        return contents_of(self.demand, self.lookups, executable)


def _features(executable: Executable | None) -> frozenset[str]:
    """Those that are neither absent nor empty."""
    if executable is None:
        return frozenset()
    values = ((name, getattr(executable, name)) for name in _optional_of(type(executable)))
    return frozenset(name for name, value in values if value and value != type(value)())


@cache
def _optional_of(kind: type[Executable]) -> frozenset[str]:
    return frozenset(kind.__struct_fields__) - _COMMON - _IDENTITY


def _parts(demand: Demand) -> Iterator[Part]:
    if demand.compute is not None:
        yield Part(COMPUTE, COMPUTE, "compute", demand.compute)
    for i, storage in enumerate(demand.storage):
        yield Part(storage_key(i), storage.place, "storage", storage.resource)
    for i, data in enumerate(demand.data):
        yield Part(data_key(i), data.place, "data", data.resource)
    for i, volume in enumerate(demand.volumes):
        yield Part(volume_key(i), volume.place, "volumes", volume.resource)


def _floors(demand: Demand, contents: tuple[Content, ...]) -> tuple[int, ...]:
    sizes = {one.key: one.size or 0 for one in contents}
    needs = [0] * len(demand.storage)
    for index, data in enumerate(demand.data):
        needs[data.storage] += sizes[data_key(index)]
    return tuple(max(1, -(-need // _GIB)) for need in needs)
