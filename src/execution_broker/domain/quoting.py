"""What an offer costs and what it is worth: per component, and summed for the session.

Quoted for the promised duration and the offered amounts, whatever the start. Every session has a
monetary cost and a compute performance, also where the platform configured neither.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from execution_broker.domain.capability import Capability, Price, Quality
from execution_broker.domain.demand import COMPUTE, EXECUTABLE, SESSION, storage_key
from execution_broker.domain.offer import Terms
from execution_broker.models import kinds
from execution_broker.models.component import Cost, Metric

_HOUR: Final = 3600
_GIB: Final = 1 << 30
_DIGITS: Final = 6

_FREE: Final = Price(type=kinds.COST_MONETARY)
_CORES: Final = Quality(type=kinds.METRIC_COMPUTE, min=1, max=1, per_core=True)


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
    costs: dict[str, dict[str, Cost]] = {SESSION: {}, COMPUTE: {}}
    for price in _prices(capability):
        for key, value in _values(price, terms, to_stage):
            cost = _cost(price, value)
            if cost.max or key == COMPUTE:
                _add(costs.setdefault(key, {}), cost)
            _add(costs[SESSION], cost)
    qualities = {quality.type: quality for quality in reversed(_qualities(capability))}
    metrics = tuple(_metric(quality, terms.cores) for quality in reversed(qualities.values()))
    return Quote(
        costs={key: tuple(by_type.values()) for key, by_type in costs.items()},
        metrics={SESSION: metrics, COMPUTE: metrics},
    )


def _prices(capability: Capability) -> tuple[Price, ...]:
    known = any("monetary" in price.type for price in capability.prices)
    return capability.prices if known else (*capability.prices, _FREE)


def _qualities(capability: Capability) -> tuple[Quality, ...]:
    known = any("compute-performance" in quality.type for quality in capability.qualities)
    return capability.qualities if known else (*capability.qualities, _CORES)


def _values(price: Price, terms: Terms, to_stage: Mapping[str, int]) -> Iterator[tuple[str, float]]:
    """The expected cost of each component. What a session costs in itself is its executable's."""
    hours = terms.duration / _HOUR
    staged = {key: price.per_gib_staged * size / _GIB for key, size in to_stage.items()}
    yield EXECUTABLE, price.per_session + staged.pop(EXECUTABLE, 0.0)
    cores, memory = terms.cores * price.per_core_hour, terms.memory * price.per_memory_hour
    yield COMPUTE, (cores + memory) * hours
    for index, size in enumerate(terms.storage):
        yield storage_key(index), size * price.per_storage_hour * hours
    yield from staged.items()


def _cost(price: Price, value: float) -> Cost:
    low = value * max(0.0, 1 - price.uncertainty)
    high = value * (1 + price.uncertainty)
    return Cost(type=price.type, min=round(low, _DIGITS), max=round(high, _DIGITS))


def _add(costs: dict[str, Cost], cost: Cost) -> None:
    kind = cost.type or ""
    before = costs.get(kind, Cost(min=0.0, max=0.0))
    costs[kind] = Cost(
        type=kind,
        min=round((before.min or 0.0) + (cost.min or 0.0), _DIGITS),
        max=round((before.max or 0.0) + (cost.max or 0.0), _DIGITS),
    )


def _metric(quality: Quality, cores: int) -> Metric:
    factor = cores if quality.per_core else 1
    low, high = sorted((float(quality.min * factor), float(quality.max * factor)))
    return Metric(type=quality.type, min=round(low, _DIGITS), max=round(high, _DIGITS))
