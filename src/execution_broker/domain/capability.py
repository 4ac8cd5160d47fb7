"""What a platform last reported that it can do: all that negotiation knows of it."""

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Final, Literal

import msgspec

from execution_broker.domain.amounts import of_alternatives
from execution_broker.domain.policy import LIMITED, Policy
from execution_broker.models import kinds
from execution_broker.models.executable import Mode

_Positive = Annotated[int, msgspec.Meta(ge=1)]
_NotNegative = Annotated[float, msgspec.Meta(ge=0)]
_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class ExecutableSupport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of executable. `modes` matter for the kinds that have a mode (notebooks).

    `features` names the optional properties that are honoured: of notebooks `parameters`,
    `requirements`, `checks`, `replace`; of containers `command`, `entrypoint`, `environment`,
    `privileged`, `network`. What is asked for and not among them is refused.
    `languages` that notebooks may be written in, in lower case; none: any. Where some are named, a
    notebook is read before it is offered anything.
    """

    kind: str
    modes: tuple[Mode, ...] = ("BATCH",)
    features: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()


class Timings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What each part of preparing and releasing takes, in seconds; `throughput` in bytes/s.

    Data of known size takes size / throughput + 1 s; of unknown size `here` where it is staged
    already and `not_here` where it is not. `executable_here` and `executable_not_here` are for
    what an executable needs beside its own file (image, environment). All but `here` and
    `not_here` count until the platform's steps have taught better (`domain.timing`).
    """

    storage: int = 1
    executable_here: int = 2
    executable_not_here: int = 300
    compute: int = 3
    release: int = 10
    here: int = 60
    not_here: int = 3600
    throughput: int = 20_000_000


UNHEARD_OF: Final = Timings(
    storage=0,
    executable_here=0,
    executable_not_here=0,
    compute=0,
    release=0,
    here=0,
    not_here=0,
    throughput=1 << 40,
)
"""How quick it may be where nobody knows: no time at all."""


class Price(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one type of cost (a URI: monetary, energy, carbon) adds up.

    `per_session`; for each hour per core (`per_core_hour`), per GiB of memory (`per_memory_hour`)
    and per GiB of storage (`per_storage_hour`); `per_gib_staged`; `per_amount_hour` by name, per
    one of each further amount (GPUs, licences) and hour; none is negative. The quote is between
    value x (1 - `uncertainty`) and value x (1 + `uncertainty`).

    `by_hour`: 24 factors, the first for the hour that begins at 00:00 UTC; the price is multiplied
    by their mean over the time the session runs. With kWh as the price and g/kWh as the factors
    the cost is grams of carbon dioxide.
    """

    type: str
    per_session: _NotNegative = 0.0
    per_core_hour: _NotNegative = 0.0
    per_memory_hour: _NotNegative = 0.0
    per_storage_hour: _NotNegative = 0.0
    per_gib_staged: _NotNegative = 0.0
    per_amount_hour: dict[str, _NotNegative] = {}
    uncertainty: _NotNegative = 0.0
    by_hour: tuple[_NotNegative, ...] = ()

    def __post_init__(self) -> None:
        if self.by_hour and len(self.by_hour) != 24:
            raise ValueError("by_hour needs 24 numbers, one for each hour of the day in UTC")


class Quality(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A metric (a URI). `min` and `max` are multiplied by the cores where `per_core` is set."""

    type: str
    min: float
    max: float
    per_core: bool = False


_DIGITS: Final = 6
"""What a share comes to is rounded to these before it is cut to whole numbers."""

_CORES: Final = Quality(type=kinds.METRIC_COMPUTE, min=1, max=1, per_core=True)


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The most one session can have; what is not set is left to the capacity. `memory` and
    `storage` in GiB, `duration` in seconds.
    `amounts`: of each further amount (GPUs, licences), by name."""

    cores: int | None = None
    memory: int | None = None
    storage: int | None = None
    duration: int | None = None
    amounts: dict[str, int] = {}


class Flavour(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fixed size of compute that a platform has: a session gets all of it. `memory` in GiB."""

    name: str
    cores: _Positive
    memory: _Positive


class Capability(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """A platform's report, stored as JSON on its row.

    `capacity`: amounts in all (cores, memory GiB, storage GiB, outputs MiB, and by any other name
    what else it counts: requests ask for these by that name).
    `flavours`: the sizes of compute there are, in cores and memory; none: any size.
    `data`: the kinds of data resource it can stage, by URI; `schemes`: the URL schemes that it
    reads simple data and notebooks from (empty: any).
    `staged`: sha256 of content that is here already. `environment_here`: what executables need
    beside their own file is ready; `requirements`: the keys of those sets of requirements of
    notebooks that are installed too (`requirements_key`); `images`: patterns of the images that are
    here, which decide for containers where they are given. `outputs`: MiB of results booked for
    each session, kept for `retention` seconds. `executable_after_compute`: the machine comes
    first (OpenStack). `changeable`: what of an accepted session can still be changed, of
    `duration`, `cores`, `memory` and the names of further amounts; the order's `ends` tells a new
    end.
    `quickest`: what each part takes when it goes well; an offer may start as early as that.
    `fixed_starts`: time is reserved elsewhere for each session, so that one that is ready before
    its planned start does not start before.
    `simulates`: it runs nothing. Such a platform gets the requests that are marked for it
    (`domain.simulation`), or everything.
    `policy` is the operator's, not the plugin's: the broker adds it. So is `alternatives`: the
    share of each amount that unanswered alternatives of everybody together may hold at any instant.
    """

    capacity: dict[str, int]
    executables: tuple[ExecutableSupport, ...]
    compute: frozenset[str] = frozenset()
    storage: frozenset[str] = frozenset()
    volumes: frozenset[str] = frozenset()
    data: frozenset[str] = frozenset()
    schemes: frozenset[str] = frozenset()
    limits: Limits = Limits()
    flavours: tuple[Flavour, ...] = ()
    timings: Timings = Timings()
    quickest: Timings = UNHEARD_OF
    fixed_starts: bool = False
    prices: tuple[Price, ...] = ()
    qualities: tuple[Quality, ...] = ()
    staged: frozenset[str] = frozenset()
    environment_here: bool = True
    requirements: frozenset[str] = frozenset()
    images: tuple[str, ...] | None = None
    outputs: int = 0
    retention: int = 0
    executable_after_compute: bool = False
    changeable: frozenset[str] = frozenset()
    simulates: Literal["nothing", "marked", "everything"] = "nothing"
    policy: Policy = Policy()
    alternatives: _Share = 0.5
    description: str = ""

    @cached_property
    def most(self) -> Mapping[str, int]:
        """The most of each amount that one session can have, were nothing booked; none of what is
        absent."""
        return {name: self._most_of(name, all_of_it) for name, all_of_it in self.capacity.items()}

    @cached_property
    def bookable(self) -> Mapping[str, int]:
        """The capacity, and what of it alternatives may hold."""
        shares = {
            of_alternatives(name): int(round(amount * self.alternatives, _DIGITS))
            for name, amount in self.capacity.items()
        }
        return {**self.capacity, **shares}

    @cached_property
    def quoted(self) -> tuple[Quality, ...]:
        """Of the qualities of one type the first; and always a compute performance."""
        is_known = any("compute-performance" in quality.type for quality in self.qualities)
        first: dict[str, Quality] = {}
        for quality in self.qualities if is_known else (*self.qualities, _CORES):
            first.setdefault(quality.type, quality)
        return tuple(first.values())

    def _most_of(self, amount: str, all_of_it: int) -> int:
        limits, maximum = self.limits, self.policy.maximum(amount)
        limit: int | None = (
            getattr(limits, amount) if amount in LIMITED else limits.amounts.get(amount)
        )
        most = all_of_it if limit is None else min(all_of_it, limit)
        return most if maximum is None else min(most, maximum.most)


class SiteRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Keys that every platform has beside its own: they go over what its plugin reports.

    `policy`: what is allowed. `prices` and `qualities`: the costs and metrics of its offers,
    instead of the plugin's. `alternatives`: the share of each amount that all offers of answers but
    their first may hold together at any instant, until they are answered; where that is less than
    one session needs, only the first is offered. `idle_warning` and `idle_end`: seconds without any
    activity after which an interactive session is warned, and after which it comes to its end; 0:
    never.
    """

    policy: Policy = Policy()
    alternatives: _Share = 0.5
    prices: tuple[Price, ...] | None = None
    qualities: tuple[Quality, ...] | None = None
    idle_warning: Annotated[int, msgspec.Meta(ge=0)] = 0
    idle_end: Annotated[int, msgspec.Meta(ge=0)] = 0

    def __post_init__(self) -> None:
        if 0 < self.idle_end <= self.idle_warning:
            raise ValueError("idle_end has to be later than idle_warning: nobody would be warned")

    def over(self, reported: Capability) -> Capability:
        """What was reported, as the operator will have it."""
        return msgspec.structs.replace(
            reported,
            policy=self.policy,
            alternatives=self.alternatives,
            prices=reported.prices if self.prices is None else self.prices,
            qualities=reported.qualities if self.qualities is None else self.qualities,
        )
