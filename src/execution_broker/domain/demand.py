"""A demand: a request whose references are resolved and whose defaults are filled in."""

from datetime import timedelta

import msgspec

from execution_broker.models.component import Cost, Metric
from execution_broker.models.executable import Executable
from execution_broker.models.message import Message
from execution_broker.models.resources import Data, SimpleCompute, SimpleStorage, SimpleVolume

SESSION = "session"
EXECUTABLE = "executable"
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
    """`size` in GiB. `implied`: not asked for, but data needs it."""

    resource: SimpleStorage
    size: Size
    implied: bool = False


class DataDemand(msgspec.Struct, frozen=True):
    """`storage` is the index of the storage resource the data is staged in."""

    resource: Data
    storage: int


class VolumeDemand(msgspec.Struct, frozen=True):
    """`target` is the key of the storage or data resource that is mounted."""

    resource: SimpleVolume
    target: str


class Demand(msgspec.Struct, frozen=True, kw_only=True):
    """What has to be offered. Window in whole epoch seconds, half-open; the end is never None.

    `amounts`: what is asked for beside cores, memory and storage, by name.
    `messages` are remarks (assumed defaults) that every offer carries.
    """

    executable: Executable
    compute: SimpleCompute
    cores: Size
    memory: Size
    storage: tuple[StorageDemand, ...]
    data: tuple[DataDemand, ...]
    volumes: tuple[VolumeDemand, ...]
    window_start: int
    window_end: int
    duration: timedelta
    costs: tuple[Cost, ...] = ()
    metrics: tuple[Metric, ...] = ()
    messages: tuple[Message, ...] = ()
    amounts: dict[str, Size] = {}


class Lookup(msgspec.Struct, frozen=True):
    """What a probe found out about one data resource or notebook, keyed like its component.

    `size` in bytes, None when unknown. `fault`: it cannot be had, and why.
    """

    size: int | None = None
    fault: str | None = None
