"""Changing what was promised: which amounts of a session may be changed, to what, and how (B6).

A change is judged here by the limits of its platform; whether there is room for it is decided
under the platform's lock.
"""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Final

import msgspec

from execution_broker.domain.amounts import CORES, MEMORY
from execution_broker.domain.capability import Capability
from execution_broker.domain.demand import COMPUTE, SESSION
from execution_broker.domain.errors import Conflict
from execution_broker.domain.lifecycle import SESSION_ENDS
from execution_broker.domain.offer import Terms
from execution_broker.domain.quoting import quote
from execution_broker.models.component import Cost
from execution_broker.models.execution import ExecutionSession
from execution_broker.models.message import DeltaOption, IntegerOption, StringOption
from execution_broker.models.phases import SessionPhase
from execution_broker.models.resources import Range
from execution_broker.models.update import DeltaUpdate, IntegerUpdate

DURATION: Final = "duration"
PATHS: Final[Mapping[str, str]] = {
    "schedule.available.duration": DURATION,
    "compute.cores": CORES,
    "compute.memory": MEMORY,
}
TEXTS: Final[Mapping[str, int]] = {"meta.name": 255, "meta.description": 4000}
"""The longest name and description, in characters."""

_UNITS: Final[Mapping[str, Mapping[str, Fraction]]] = {
    DURATION: {
        "seconds": Fraction(1),
        "s": Fraction(1),
        "minutes": Fraction(60),
        "min": Fraction(60),
        "hours": Fraction(3600),
        "h": Fraction(3600),
        "days": Fraction(86400),
        "d": Fraction(86400),
    },
    CORES: {"cores": Fraction(1)},
    MEMORY: {
        "GiB": Fraction(1),
        "MiB": Fraction(1, 1024),
        "TiB": Fraction(1024),
        "MB": Fraction(10**6, 2**30),
        "GB": Fraction(10**9, 2**30),
        "TB": Fraction(10**12, 2**30),
    },
}
_FAR: Final = 100 * 365 * 86400


class Bounds(msgspec.Struct, frozen=True):
    """What may be changed within which bounds; `now` is what it is."""

    path: str
    name: str
    now: int
    min: int
    max: int

    @property
    def units(self) -> str:
        return next(iter(_UNITS[self.name]))


def plain_path(path: str) -> str:
    """A path of an update as options name it: `/compute/cores` is `compute.cores`."""
    return path.strip("/").replace("/", ".")


def changeable(
    phase: SessionPhase, terms: Terms, capability: Capability | None, elapsed: int
) -> tuple[Bounds, ...]:
    """The amounts that may be changed now. An offer is only promised, so that all of it may;
    later the platform says what of a session it can change. `elapsed`: seconds of its time that
    are gone; once all of them are, it is about to be released."""
    if capability is None or phase in SESSION_ENDS:
        return ()
    if phase in (SessionPhase.INITIAL, SessionPhase.RELEASING) or elapsed >= terms.duration:
        return ()
    allowed = _UNITS.keys() if phase is SessionPhase.OFFERED else capability.changeable
    return tuple(b for b in _bounds(terms, capability, elapsed) if b.name in allowed)


def options(bounds: tuple[Bounds, ...]) -> Iterator[IntegerOption | DeltaOption]:
    """Each as a value to set and as a difference to add."""
    for one in bounds:
        yield IntegerOption(path=one.path, min=one.min, max=one.max, units=one.units)
        least, most = one.min - one.now, one.max - one.now
        yield DeltaOption(path=one.path, min=least, max=most, units=one.units)


def text_options(phase: SessionPhase) -> Iterator[StringOption]:
    """Name and description, for as long as the session lives."""
    if phase not in SESSION_ENDS:
        for path, longest in TEXTS.items():
            yield StringOption(path=path, pattern=f"^[^\\x00-\\x1f]{{0,{longest}}}$")


def wanted(update: IntegerUpdate | DeltaUpdate, bounds: Bounds) -> int:
    """What an amount is to become. Conflict names the units, or the bounds that it breaks."""
    number = update.value if isinstance(update, IntegerUpdate) else update.delta
    factor = _UNITS[bounds.name].get(update.units or bounds.units)
    if factor is None:
        known = ", ".join(_UNITS[bounds.name])
        raise Conflict(f"{bounds.path} cannot be given in {update.units}.", f"Use one of: {known}.")
    exact = number * factor
    if exact.denominator != 1:
        sentence = f"{number} {update.units} are no whole number of {bounds.units}."
        raise Conflict(sentence, f"Give {bounds.path} in {bounds.units}.")
    value = int(exact) + (0 if isinstance(update, IntegerUpdate) else bounds.now)
    if not bounds.min <= value <= bounds.max:
        raise Conflict(
            f"{bounds.path} cannot become {value} {bounds.units}.",
            f"Possible now: from {bounds.min} to {bounds.max} {bounds.units}.",
        )
    return value


def changed(terms: Terms, capability: Capability, name: str, value: int) -> Terms:
    """The terms with an amount changed, and quoted for it: what was staged costs what it did."""
    new = msgspec.structs.replace(terms, **{name: value})
    before, after = (quote(capability, one, {}).costs for one in (terms, new))
    added = dict(terms.added)
    for key in (SESSION, COMPUTE, *(k for k in after if k.startswith("storage/"))):
        added[key] = _sum(added.get(key, ()), _difference(before.get(key, ()), after.get(key, ())))
    return msgspec.structs.replace(new, added=added, metrics=quote(capability, new, {}).metrics)


def amended(document: ExecutionSession, terms: Terms) -> ExecutionSession:
    """What was offered, with the amounts and costs that it has been changed to."""
    compute = document.compute
    if compute is None or not terms.metrics:
        return document
    return msgspec.structs.replace(
        document,
        costs=_sum(document.costs, terms.added.get(SESSION, ())),
        metrics=terms.metrics.get(SESSION, document.metrics),
        compute=msgspec.structs.replace(
            compute,
            cores=Range(min=terms.cores, max=terms.cores),
            memory=Range(min=terms.memory, max=terms.memory),
            costs=_sum(compute.costs, terms.added.get(COMPUTE, ())),
            metrics=terms.metrics.get(COMPUTE, compute.metrics),
        ),
        storage=tuple(
            msgspec.structs.replace(
                one, costs=_sum(one.costs, terms.added.get(f"storage/{index}", ()))
            )
            for index, one in enumerate(document.storage)
        ),
    )


def _bounds(terms: Terms, capability: Capability, elapsed: int) -> Iterator[Bounds]:
    limits, path_of = capability.limits, {name: path for path, name in PATHS.items()}
    longest = _FAR if limits.duration is None else limits.duration
    for name, now, least, limit in (
        (DURATION, terms.duration, elapsed + 1, longest),
        (CORES, terms.cores, 1, limits.cores),
        (MEMORY, terms.memory, 1, limits.memory),
    ):
        there = capability.capacity.get(name, 0) if name != DURATION else longest
        most = there if limit is None else min(limit, there)
        is_fixed = bool(capability.flavours) and name != DURATION
        if least <= most and not is_fixed:
            yield Bounds(path_of[name], name, now, least, most)


def _difference(before: tuple[Cost, ...], after: tuple[Cost, ...]) -> tuple[Cost, ...]:
    taken = tuple(
        msgspec.structs.replace(cost, min=-(cost.min or 0.0), max=-(cost.max or 0.0))
        for cost in before
    )
    return _sum(after, taken)


def _sum(costs: tuple[Cost, ...], more: tuple[Cost, ...]) -> tuple[Cost, ...]:
    total: dict[str | None, Cost] = {}
    for cost in (*costs, *more):
        known = total.get(cost.type)
        total[cost.type] = (
            cost
            if known is None
            else msgspec.structs.replace(
                known,
                min=round((known.min or 0.0) + (cost.min or 0.0), 6),
                max=round((known.max or 0.0) + (cost.max or 0.0), 6),
            )
        )
    return tuple(total.values())
