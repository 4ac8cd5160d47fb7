"""Which bids are worth looking at, and what one gives for what among them."""

from collections.abc import Sequence

import msgspec

from execution_broker.client.comparing.bids import Bid


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """What it means to take one bid instead of another. `later` in seconds (negative: earlier).

    `cores`, `memory`, `storage`: how much more. `costs`, `metrics`: the change of what it may
    cost at most, and of what there is at least, as a part of that of the other, by type: -0.4 is
    40 % less. A type that only one of them names, or that is nothing in the other, is not there.
    """

    later: float
    longer: float
    cores: int
    memory: int
    storage: int
    costs: dict[str, float]
    metrics: dict[str, float]


def in_order(bids: Sequence[Bid]) -> tuple[Bid, ...]:
    """The earliest first, those that are dominated marked."""
    ordered = sorted(bids, key=lambda bid: (bid.start, bid.latest, _cost(bid), str(bid.uuid)))
    return tuple(
        msgspec.structs.replace(bid, is_dominated=any(dominates(o, bid) for o in ordered))
        for bid in ordered
    )


def dominates(one: Bid, other: Bid) -> bool:
    """Whether nobody would take the other: in nothing better, and in something worse.

    Only bids that name the same costs and metrics can be compared: a price is not better than
    none, nor worse.
    """
    if one.costs.keys() != other.costs.keys() or one.metrics.keys() != other.metrics.keys():
        return False
    if one.amounts.keys() != other.amounts.keys():
        return False
    ours, theirs = _worth(one), _worth(other)
    return ours != theirs and all(a >= b for a, b in zip(ours, theirs, strict=True))


def trade(one: Bid, other: Bid) -> Trade:
    """What it means to take `other` instead of `one`."""
    return Trade(
        later=(other.start - one.start).total_seconds(),
        longer=other.duration - one.duration,
        cores=other.cores - one.cores,
        memory=other.memory - one.memory,
        storage=other.storage - one.storage,
        costs=_changes(
            {type_: bounds.max for type_, bounds in one.costs.items()},
            {type_: bounds.max for type_, bounds in other.costs.items()},
        ),
        metrics=_changes(
            {type_: bounds.min for type_, bounds in one.metrics.items()},
            {type_: bounds.min for type_, bounds in other.metrics.items()},
        ),
    )


def cheapest(bids: Sequence[Bid], type_: str) -> Bid | None:
    """The bid that costs least at most, by one type of cost; the earliest of several."""
    priced = [bid for bid in bids if type_ in bid.costs]
    return min(priced, key=lambda bid: (bid.costs[type_].max, bid.start), default=None)


def _worth(bid: Bid) -> tuple[float, ...]:
    """The more the better, in each place."""
    times = (-bid.start.timestamp(), -bid.latest.timestamp(), bid.duration)
    sizes = (bid.cores, bid.memory, bid.storage)
    costs = (-bid.costs[type_].max for type_ in sorted(bid.costs))
    metrics = (bid.metrics[type_].min for type_ in sorted(bid.metrics))
    further = (bid.amounts[name] for name in sorted(bid.amounts))
    return (*times, *sizes, *further, *costs, *metrics)


def _cost(bid: Bid) -> tuple[float, ...]:
    return tuple(bid.costs[type_].max for type_ in sorted(bid.costs))


def _changes(one: dict[str, float], other: dict[str, float]) -> dict[str, float]:
    return {
        type_: (other[type_] - value) / abs(value)
        for type_, value in one.items()
        if type_ in other and value
    }
