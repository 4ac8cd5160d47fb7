"""Costs and metrics: the least amounts that keep every bound of the request (N6)."""

from collections.abc import Iterable, Sequence

import msgspec

from execution_broker.domain.demand import SESSION, Bound, Demand, Size
from execution_broker.domain.messages import NOT_QUOTED, TOO_EXPENSIVE, TOO_SLOW
from execution_broker.domain.negotiation.bisecting import least_that
from execution_broker.domain.negotiation.framing import Frame, turning_slots
from execution_broker.domain.negotiation.site import Case
from execution_broker.domain.negotiation.trial import Trial
from execution_broker.domain.quoting import Quote, changing
from execution_broker.domain.suggesting import REMOVE


def quoted(bound: Bound, quote: Quote) -> float | None:
    """What is promised where the bound is; None if its type is not quoted there."""
    if bound.what == "metric":
        found = [m.min for m in quote.metrics.get(bound.component, ()) if m.type == bound.type]
        return found[0] if found else None
    known = {cost.type for cost in quote.costs[SESSION]}
    costs = {cost.type: cost.max for cost in quote.costs.get(bound.component, ())}
    return costs.get(bound.type, 0.0) if bound.type in known else None


def is_kept(bound: Bound, quote: Quote) -> bool:
    """Whether a bound of a type that is quoted holds."""
    value = quoted(bound, quote) or 0.0
    return value <= bound.limit if bound.what == "cost" else value >= bound.limit


def settle(case: Case, trial: Trial, frames: Sequence[Frame]) -> tuple[Bound, ...]:
    """Raise the least of the demand until every bound is kept, at the least cost.

    Costs grow with every amount and metrics with the cores, so the fewest cores that keep the
    metrics are also the cheapest, and the easiest to find room for. Costs that change by the hour
    are kept if they are somewhere in the first of the frames; what is suggested instead is kept in
    all of them. The bounds returned are relaxed like the demand.
    """
    asked = case.inquiry.bounds
    if not asked:
        return ()
    bounds = _quoted_bounds(case, asked, trial.quote(case.demand))
    bounds = _settle_metrics(case, trial, bounds)
    quotes = [_quotes(case.demand, trial, frame) for frame in frames]
    return _settle_costs(case, quotes, bounds)


def least_cores(
    demand: Demand,
    trial: Trial,
    bounds: Sequence[Bound],
    low: int,
    high: int,
) -> int | None:
    """The fewest cores in [low, high] that keep every bound on a metric."""
    metrics = [bound for bound in bounds if bound.what == "metric"]

    def is_enough(cores: int) -> bool:
        quote = trial.quote(msgspec.structs.replace(demand, cores=Size(cores)))
        return all(is_kept(bound, quote) for bound in metrics)

    return least_that(is_enough, low, high) if metrics else low


def _quoted_bounds(case: Case, asked: Iterable[Bound], quote: Quote) -> tuple[Bound, ...]:
    kept = []
    for bound in asked:
        if quoted(bound, quote) is not None:
            kept.append(bound)
            continue
        case.relax(
            NOT_QUOTED(
                platform=case.site.name,
                type=bound.type,
                path=bound.path,
                from_=bound.limit,
                **REMOVE,
            )
        )
    return tuple(kept)


def _settle_metrics(case: Case, trial: Trial, bounds: tuple[Bound, ...]) -> tuple[Bound, ...]:
    """Enough cores for every metric that some number of cores here reaches; then, with as many
    cores as may be, less of those that none reaches."""
    demand = case.demand
    limit = case.most_cores()
    needed = {
        bound: least_cores(demand, trial, (bound,), demand.cores.min, limit)
        for bound in bounds
        if bound.what == "metric"
    }
    for bound, cores in needed.items():
        if cores is not None:
            _use_more_cores(case, trial, bound, cores)
    relaxed = (
        _accept_less(case, trial, bound) if needed.get(bound, 0) is None else bound
        for bound in bounds
    )
    return tuple(relaxed)


def _use_more_cores(case: Case, trial: Trial, bound: Bound, cores: int) -> None:
    """At least so many cores; a fault where the request allows fewer."""
    least = max(cores, case.demand.cores.min)
    most = _most_cores(case.demand)
    if least <= most:
        case.change(cores=Size(least, most))
        return
    suggestion = {"path": "compute.cores.max", "from_": most, "to": cores}
    case.relax(TOO_SLOW(**_slowness(case, trial, bound), **suggestion), cores=Size(cores))


def _accept_less(case: Case, trial: Trial, bound: Bound) -> Bound:
    """The bound that can be kept with the most cores."""
    fault = _slowness(case, trial, bound)
    value = float(fault["quoted"])
    lowered = msgspec.structs.replace(bound, limit=value)
    least, most = case.demand.cores.min, _most_cores(case.demand)
    cores = least_cores(case.demand, trial, (lowered,), least, most) or most
    suggestion = {"path": bound.path, "from_": bound.limit, "to": value}
    case.relax(TOO_SLOW(**fault, **suggestion), cores=Size(cores, most))
    return lowered


def _slowness(case: Case, trial: Trial, bound: Bound) -> dict[str, str | float]:
    best = msgspec.structs.replace(case.demand, cores=Size(_most_cores(case.demand)))
    return {
        "type": bound.type,
        "platform": case.site.name,
        "quoted": quoted(bound, trial.quote(best)) or 0.0,
        "limit": bound.limit,
    }


def _most_cores(demand: Demand) -> int:
    return demand.cores.max or demand.cores.min


def _quotes(demand: Demand, trial: Trial, frame: Frame) -> list[Quote]:
    """One quote, or where prices change by the hour those among which each of them is least."""
    if not changing(trial.site.capability):
        return [trial.quote(demand)]
    shape = trial.shape(demand)
    slots = turning_slots(shape, frame, frame.soonest)
    return [trial.quote_terms(slot.terms(shape)) for slot in slots]


def _settle_costs(
    case: Case, quotes: Sequence[Sequence[Quote]], bounds: tuple[Bound, ...]
) -> tuple[Bound, ...]:
    relaxed = []
    for bound in bounds:
        if bound.what == "cost" and not any(is_kept(bound, quote) for quote in quotes[0]):
            value = max(min(quoted(bound, one) or 0.0 for one in frame) for frame in quotes)
            case.relax(
                TOO_EXPENSIVE(
                    type=bound.type,
                    platform=case.site.name,
                    quoted=value,
                    limit=bound.limit,
                    path=bound.path,
                    from_=bound.limit,
                    to=value,
                )
            )
            bound = msgspec.structs.replace(bound, limit=value)
        relaxed.append(bound)
    return tuple(relaxed)
