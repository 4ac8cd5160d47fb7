"""Changing what was promised: which amounts of a session may be changed, to what, and how (B6).

A change is judged here by the limits of its platform and by the room that was found there; whether
there is room for it is decided under the platform's lock.
"""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Final, NamedTuple

import msgspec

from execution_broker.domain.amounts import CORES, MEMORY
from execution_broker.domain.capability import Capability
from execution_broker.domain.demand import COMPUTE, SESSION, amount_place
from execution_broker.domain.errors import Conflict
from execution_broker.domain.growing import DURATION, Room
from execution_broker.domain.lifecycle import SESSION_ENDS
from execution_broker.domain.offer import Terms
from execution_broker.domain.quoting import quote
from execution_broker.models.component import Cost
from execution_broker.models.execution import ExecutionSession
from execution_broker.models.message import DeltaOption, IntegerOption, StringOption
from execution_broker.models.phases import SessionPhase
from execution_broker.models.resources import Range
from execution_broker.models.update import DeltaUpdate, IntegerUpdate

_PATHS: Final[Mapping[str, str]] = {
    DURATION: "schedule.available.duration",
    CORES: "compute.cores",
    MEMORY: "compute.memory",
}
TEXTS: Final[Mapping[str, int]] = {"meta.name": 255, "meta.description": 4000}
"""The longest name and description, in characters."""
_TEXT_OPTIONS: Final = tuple(
    StringOption(path=path, pattern=f"^[^\\x00-\\x1f]{{0,{longest}}}$")
    for path, longest in TEXTS.items()
)

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
_COUNTED: Final[Mapping[str, Fraction]] = {"units": Fraction(1)}
"""Further amounts (GPUs, licences) are counted, whatever they are."""
_FIRST_UNITS: Final = {name: next(iter(units)) for name, units in _UNITS.items()}
_FIRST_COUNTED: Final = next(iter(_COUNTED))

_FAR: Final = 100 * 365 * 86400


class Bounds(NamedTuple):
    """What may be changed within which bounds; `now` is what it is. `limit` is the most that the
    platform allows, `max` what of that there is room for."""

    path: str
    name: str
    now: int
    min: int
    max: int
    limit: int

    @property
    def units(self) -> str:
        return _FIRST_UNITS.get(self.name, _FIRST_COUNTED)

    @property
    def known_units(self) -> Mapping[str, Fraction]:
        return _UNITS.get(self.name, _COUNTED)


def plain_path(path: str) -> str:
    """A path of an update as options name it: `/compute/cores` is `compute.cores`."""
    return path.strip("/").replace("/", ".")


def changeable(
    phase: SessionPhase,
    terms: Terms,
    capability: Capability | None,
    elapsed: int,
    room: Room,
) -> tuple[Bounds, ...]:
    """The amounts that may be changed now. An offer is only promised, so that all of it may;
    later the platform says what of a session it can change. `elapsed`: seconds of its time that
    are gone; once all of them are, it is about to be released. `room`: the most that there is room
    for if that alone is changed; each bound holds for itself."""
    if capability is None or phase in SESSION_ENDS:
        return ()
    if phase in (SessionPhase.INITIAL, SessionPhase.RELEASING) or elapsed >= terms.duration:
        return ()
    bounds = tuple(_bounds(terms, capability, elapsed, room))
    if phase is SessionPhase.OFFERED:
        return bounds
    return tuple(one for one in bounds if one.name in capability.changeable)


def options(bounds: tuple[Bounds, ...]) -> Iterator[IntegerOption | DeltaOption]:
    """Each as a value to set and as a difference to add."""
    for one in bounds:
        units = one.units
        yield IntegerOption(path=one.path, min=one.min, max=one.max, units=units)
        least, most = one.min - one.now, one.max - one.now
        yield DeltaOption(path=one.path, min=least, max=most, units=units)


def text_options(phase: SessionPhase) -> tuple[StringOption, ...]:
    """Name and description, for as long as the session lives."""
    return () if phase in SESSION_ENDS else _TEXT_OPTIONS


def wanted(update: IntegerUpdate | DeltaUpdate, bounds: Bounds) -> int:
    """What an amount is to become. Conflict names the units, or the bounds that it breaks."""
    number = update.value if isinstance(update, IntegerUpdate) else update.delta
    factor = bounds.known_units.get(update.units or bounds.units)
    if factor is None:
        known = ", ".join(bounds.known_units)
        raise Conflict(f"{bounds.path} cannot be given in {update.units}.", f"Use one of: {known}.")
    exact = number * factor
    if exact.denominator != 1:
        sentence = f"{number} {update.units} are no whole number of {bounds.units}."
        raise Conflict(sentence, f"Give {bounds.path} in {bounds.units}.")
    value = int(exact) + (0 if isinstance(update, IntegerUpdate) else bounds.now)
    possible = f"Possible now: from {bounds.min} to {bounds.max} {bounds.units}."
    if not bounds.min <= value <= bounds.limit:
        raise Conflict(f"{bounds.path} cannot become {value} {bounds.units}.", possible)
    if value > bounds.max:
        raise Conflict(
            f"There is no room for {value} {bounds.units} at {bounds.path}: all stays as it is.",
            possible,
        )
    return value


def changed(terms: Terms, capability: Capability, name: str, value: int) -> Terms:
    """The terms with an amount changed, and quoted for it: what was staged costs what it did."""
    new = _with(terms, name, value)
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
            amounts={name: Range(min=n, max=n) for name, n in terms.amounts.items()},
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


def _bounds(terms: Terms, capability: Capability, elapsed: int, room: Room) -> Iterator[Bounds]:
    limit = capability.limits.duration
    longest = _FAR if limit is None else limit
    if elapsed < longest:
        yield _within(room, _PATHS[DURATION], DURATION, terms.duration, elapsed + 1, longest)
    sizes: list[tuple[str, str, int]] = []
    if not capability.flavours:
        sizes += (CORES, _PATHS[CORES], terms.cores), (MEMORY, _PATHS[MEMORY], terms.memory)
    sizes += ((name, amount_place(name), now) for name, now in terms.amounts.items())
    for name, path, now in sizes:
        most = capability.most.get(name, 0)
        if most >= 1:
            yield _within(room, path, name, now, 1, most)


def _within(room: Room, path: str, name: str, now: int, least: int, limit: int) -> Bounds:
    """What is there already stays possible, however little room is left."""
    most = min(limit, max(now, room.get(name, limit)))
    return Bounds(path, name, now, least, most, limit)


def _with(terms: Terms, name: str, value: int) -> Terms:
    if name in _UNITS:
        return msgspec.structs.replace(terms, **{name: value})
    return msgspec.structs.replace(terms, amounts={**terms.amounts, name: value})


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
