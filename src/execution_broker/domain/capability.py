"""What a platform last reported that it can do: all that negotiation knows of it."""

import msgspec

from execution_broker.models.executable import Mode


class ExecutableSupport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of executable. `modes` matter for the kinds that have a mode (notebooks).

    `features` names the optional properties that are honoured: of notebooks `parameters`,
    `requirements`, `checks`, `replace`; of containers `command`, `entrypoint`, `environment`,
    `privileged`, `network`. What is asked for and not among them is refused.
    """

    kind: str
    modes: tuple[Mode, ...] = ("BATCH",)
    features: frozenset[str] = frozenset()


class Timings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What each part of preparing and releasing takes, in seconds; `throughput` in bytes/s.

    Data of known size takes size / throughput + 1 s; of unknown size `here` where it is staged
    already and `not_here` where it is not. `executable_here` and `executable_not_here` are for
    what an executable needs beside its own file (image, environment).
    """

    storage: int = 1
    executable_here: int = 5
    executable_not_here: int = 300
    compute: int = 5
    release: int = 10
    here: int = 60
    not_here: int = 3600
    throughput: int = 20_000_000


class Price(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one type of cost (a URI: monetary, energy, carbon) adds up.

    Per session, per core and hour, per GiB of memory and hour, per GiB of storage and hour, per
    GiB staged; none is negative. The quote is between value x (1 - uncertainty) and
    value x (1 + uncertainty).
    """

    type: str
    per_session: float = 0.0
    per_core_hour: float = 0.0
    per_memory_hour: float = 0.0
    per_storage_hour: float = 0.0
    per_gib_staged: float = 0.0
    uncertainty: float = 0.0


class Quality(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A metric (a URI). `min` and `max` are multiplied by the cores where `per_core` is set."""

    type: str
    min: float
    max: float
    per_core: bool = False


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The most one session can have; `None` leaves it to the capacity. `duration` in seconds."""

    cores: int | None = None
    memory: int | None = None
    storage: int | None = None
    duration: int | None = None


class Capability(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A platform's report, stored as JSON on its row.

    `capacity`: amounts in all (cores, memory GiB, storage GiB, outputs MiB, ...).
    `data`: the kinds of data resource it can stage, by URI; `schemes`: the URL schemes that it
    reads simple data and notebooks from (empty: any).
    `staged`: sha256 of content that is here already. `environment_here`: what executables need
    beside their own file is ready; `requirements`: the keys of those sets of requirements of
    notebooks that are installed too (`requirements_key`). `outputs`: MiB of results booked for
    each session, kept for `retention` seconds. `executable_after_compute`: the machine comes
    first (OpenStack).
    """

    capacity: dict[str, int]
    executables: tuple[ExecutableSupport, ...]
    compute: frozenset[str] = frozenset()
    storage: frozenset[str] = frozenset()
    volumes: frozenset[str] = frozenset()
    data: frozenset[str] = frozenset()
    schemes: frozenset[str] = frozenset()
    limits: Limits = Limits()
    timings: Timings = Timings()
    prices: tuple[Price, ...] = ()
    qualities: tuple[Quality, ...] = ()
    staged: frozenset[str] = frozenset()
    environment_here: bool = True
    requirements: frozenset[str] = frozenset()
    outputs: int = 0
    retention: int = 0
    executable_after_compute: bool = False
    description: str = ""
