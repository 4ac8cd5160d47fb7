"""What an offer costs and what it is worth: per component, and summed for the session.

Quoted for the promised duration and the offered amounts. Only prices that change by the hour depend
on the start: they are quoted for every start that is promised. Every session has a monetary cost
and a compute performance, also where the platform configured neither.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from execution_broker.domain import hours
from execution_broker.domain.capability import Capability, Price, Quality
from execution_broker.domain.demand import COMPUTE, EXECUTABLE, SESSION, storage_key
from execution_broker.domain.offer import Terms
from execution_broker.models import kinds
from execution_broker.models.component import Cost, Metric

_HOUR: Final = 3600
_GIB: Final = 1 << 30
_DIGITS: Final = 6

_Range = tuple[float, float]

_FREE: Final[_Range] = (0.0, 0.0)
_NO_COST: Final[tuple[Cost, ...]] = (Cost(type=kinds.COST_MONETARY, min=0.0, max=0.0),)
_FOR_NOTHING: Final = {SESSION: _NO_COST, COMPUTE: _NO_COST}


class Quote(msgspec.Struct, frozen=True):
    """By component key. `session` sums the costs; compute and session have the metrics.

    Compute and session list every type of cost, the others those that are not zero.
    """

    costs: dict[str, tuple[Cost, ...]]
    metrics: dict[str, tuple[Metric, ...]]


def quote(capability: Capability, terms: Terms, to_stage: Mapping[str, int]) -> Quote:
    """The quote for these terms. `to_stage`: bytes by component key that must be staged.

    Prices of one type add up; of qualities of one type the first counts.
    """
    metrics = tuple(_metric(quality, terms.cores) for quality in capability.quoted)
    return Quote(
        costs=_priced(capability, terms, to_stage) if capability.prices else _FOR_NOTHING,
        metrics={SESSION: metrics, COMPUTE: metrics},
    )


def _priced(
    capability: Capability, terms: Terms, to_stage: Mapping[str, int]
) -> dict[str, tuple[Cost, ...]]:
    ranges: dict[str, dict[str, _Range]] = {SESSION: {}, COMPUTE: {}}
    for price in capability.prices:
        least, greatest = _factors(price, terms)
        for key, value in _values(price, terms, to_stage):
            low, high = _quoted(price, value, least, greatest)
            if high or key == COMPUTE:
                _add(ranges.setdefault(key, {}), price.type, low, high)
            _add(ranges[SESSION], price.type, low, high)
    if not any("monetary" in price.type for price in capability.prices):
        ranges[SESSION][kinds.COST_MONETARY] = ranges[COMPUTE][kinds.COST_MONETARY] = _FREE
    return {key: _costs(by_type) for key, by_type in ranges.items()}


def changing(capability: Capability) -> frozenset[str]:
    """The types of cost that depend on when a session starts."""
    return frozenset(price.type for price in capability.prices if price.by_hour)


def _values(price: Price, terms: Terms, to_stage: Mapping[str, int]) -> Iterator[tuple[str, float]]:
    """The expected cost of each component. What a session costs in itself is its executable's."""
    time = terms.duration / _HOUR
    staged = {key: price.per_gib_staged * size / _GIB for key, size in to_stage.items()}
    yield EXECUTABLE, price.per_session + staged.pop(EXECUTABLE, 0.0)
    cores, memory = terms.cores * price.per_core_hour, terms.memory * price.per_memory_hour
    further = sum(n * price.per_amount_hour.get(name, 0.0) for name, n in terms.amounts.items())
    yield COMPUTE, (cores + memory + further) * time
    for index, size in enumerate(terms.storage):
        yield storage_key(index), size * price.per_storage_hour * time
    yield from staged.items()


def _factors(price: Price, terms: Terms) -> _Range:
    if not price.by_hour:
        return 1.0, 1.0
    return hours.extremes(price.by_hour, terms.start, terms.latest, terms.duration)


def _quoted(price: Price, value: float, least: float, greatest: float) -> _Range:
    low = value * least * max(0.0, 1 - price.uncertainty)
    return round(low, _DIGITS), round(value * greatest * (1 + price.uncertainty), _DIGITS)


def _add(by_type: dict[str, _Range], kind: str, low: float, high: float) -> None:
    before = by_type.get(kind, (0.0, 0.0))
    by_type[kind] = before[0] + low, before[1] + high


def _costs(by_type: Mapping[str, _Range]) -> tuple[Cost, ...]:
    return tuple(
        Cost(type=kind, min=round(low, _DIGITS), max=round(high, _DIGITS))
        for kind, (low, high) in by_type.items()
    )


def _metric(quality: Quality, cores: int) -> Metric:
    factor = cores if quality.per_core else 1
    low, high = sorted((float(quality.min * factor), float(quality.max * factor)))
    return Metric(type=quality.type, min=round(low, _DIGITS), max=round(high, _DIGITS))
