"""A demand: a request whose references are resolved and whose defaults are filled in."""

from datetime import timedelta
from typing import Literal

import msgspec

from execution_broker.domain.notebooks import Traits
from execution_broker.models.executable import Executable
from execution_broker.models.message import Message
from execution_broker.models.resources import Data, SimpleCompute, SimpleStorage, SimpleVolume

SESSION = "session"
EXECUTABLE = "executable"
NOTEBOOK = "executable/notebook"
"""What is looked up about a notebook by reading it."""

COMPUTE = "compute"


def storage_key(index: int) -> str:
    """The key of the index-th storage resource: `storage/0`."""
    return f"storage/{index}"


def data_key(index: int) -> str:
    return f"data/{index}"


def volume_key(index: int) -> str:
    return f"volume/{index}"


def amount_place(name: str) -> str:
    """Where a further amount is asked for: `compute.amounts.gpus`."""
    return f"{COMPUTE}.amounts.{name}"


class Size(msgspec.Struct, frozen=True):
    """At least `min`, at most `max` (None: exactly `min`). Whole units, 1 <= min <= max."""

    min: int
    max: int | None = None


class StorageDemand(msgspec.Struct, frozen=True):
    """`size` in GiB. `place`: where in the request it is, or is implied. `implied`: not asked for,
    but data needs it."""

    place: str
    resource: SimpleStorage
    size: Size
    implied: bool = False


class DataDemand(msgspec.Struct, frozen=True):
    """`storage` is the index of the storage resource the data is staged in."""

    place: str
    resource: Data
    storage: int


class VolumeDemand(msgspec.Struct, frozen=True):
    """`target` is the key of the storage or data resource that is mounted; None for one that was
    not said or not found: then the answer is a NO."""

    place: str
    resource: SimpleVolume
    target: str | None


class Bound(msgspec.Struct, frozen=True):
    """The most of a cost or the least of a metric that a component, or the session, may have.

    `path` is the place of the limit in the request: `costs[0].max`, `compute.metrics[0].min`.
    """

    component: str
    path: str
    what: Literal["cost", "metric"]
    type: str
    limit: float


class Demand(msgspec.Struct, frozen=True, kw_only=True):
    """What has to be offered. Window in whole epoch seconds, half-open; the end is never None.

    An executable or compute that nobody could read is None: such a demand is only judged, and
    never offered. So is one with anything `unlocated`: the keys of what is to be staged of which it
    does not say where it can be had, so that nobody knows how long preparing takes.
    `amounts`: what is asked for beside cores, memory and storage, by name.
    `bounds`: those that bound something. `messages` are remarks (assumed defaults) that every offer
    carries.
    """

    executable: Executable | None
    compute: SimpleCompute | None
    cores: Size
    memory: Size
    storage: tuple[StorageDemand, ...]
    data: tuple[DataDemand, ...]
    volumes: tuple[VolumeDemand, ...]
    window_start: int
    window_end: int
    duration: timedelta
    bounds: tuple[Bound, ...] = ()
    messages: tuple[Message, ...] = ()
    amounts: dict[str, Size] = {}
    unlocated: frozenset[str] = frozenset()


class Lookup(msgspec.Struct, frozen=True):
    """What a probe found out about one data resource or notebook, keyed like its component.

    `size` in bytes, None when unknown. `fault`: it cannot be had, and why. `notebook`: what it
    tells of itself, where it was read.
    """

    size: int | None = None
    fault: str | None = None
    notebook: Traits | None = None
