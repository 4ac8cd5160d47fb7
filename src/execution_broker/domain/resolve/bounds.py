"""Reads the bounds on costs and metrics: each has a type, with numbers in order (N6)."""

import math
from collections.abc import Iterator, Sequence

from execution_broker.domain.demand import Bound
from execution_broker.domain.messages import REVERSED_RANGE
from execution_broker.domain.resolve.report import Report
from execution_broker.models.component import Cost, Metric

Places = Sequence[str]
"""Where in the request each cost or metric is: `costs[0]`, `compute.costs[1]`."""


def read_bounds(
    report: Report,
    component: str,
    costs: tuple[Places, Sequence[Cost]],
    metrics: tuple[Places, Sequence[Metric]],
) -> Iterator[Bound]:
    """The bounds of one component, by its key. Only the most of a cost and the least of a metric
    bound anything; one that cannot be is reported and read as well as can be."""
    for place, cost in zip(*costs, strict=True):
        _check_order(report, place, cost)
        most = cost.max
        if most is not None and cost.min is not None and cost.min > most:
            most = cost.min
        if most is not None and _is_bound(report, f"{place}.max", most, f"{place}.type", cost.type):
            yield Bound(component, f"{place}.max", "cost", cost.type or "", most)
    for place, metric in zip(*metrics, strict=True):
        _check_order(report, place, metric)
        path, least = f"{place}.min", metric.min
        if least is not None and _is_bound(report, path, least, f"{place}.type", metric.type):
            yield Bound(component, path, "metric", metric.type or "", least)


def _is_bound(report: Report, path: str, limit: float, where: str, type_: str | None) -> bool:
    if math.isnan(limit):
        report.correct(path, limit, "not a number", None)
        return False
    return report.require(where, type_)


def _check_order(report: Report, place: str, bound: Cost | Metric) -> None:
    if bound.min is not None and bound.max is not None and bound.min > bound.max:
        report.refuse(
            REVERSED_RANGE(
                place=place,
                min=bound.min,
                max=bound.max,
                path=f"{place}.max",
                from_=bound.max,
                to=bound.min,
            )
        )
