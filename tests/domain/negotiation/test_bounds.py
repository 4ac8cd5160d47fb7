"""What costs and metrics a request may bound, and what is said where a bound cannot be kept."""

from execution_broker.domain.capability import Price, Quality
from execution_broker.domain.offer import Yes
from execution_broker.models import kinds
from tests.domain.builders import (
    DOCKER,
    body,
    compute,
    cost,
    data,
    follow,
    metric,
    site,
    storage,
    volume,
)
from tests.domain.negotiation.answers import only, refused, suggestion, verdict_of

MONEY = Price(type=kinds.COST_MONETARY, per_core_hour=1.5)
SPEED = Quality(type=kinds.METRIC_COMPUTE, min=10, max=20, per_core=True)


def test_costs() -> None:
    here = site(prices=(MONEY,))
    cores = compute(cores={"min": 2, "max": 8})
    assert only(body(compute=cores, costs=[cost(kinds.COST_MONETARY, max=5.9)]), here) == (
        "costs[0].max",
        "5.9",
        "6.0",
    )
    verdict = verdict_of(body(compute=cores, costs=[cost(kinds.COST_MONETARY, max=10)]), here)
    assert isinstance(verdict, Yes)
    assert {offer.terms.cores for offer in verdict.offers} == {2, 3}


def test_metrics() -> None:
    here = site(qualities=(SPEED,))
    wanted = [metric(kinds.METRIC_COMPUTE, min=35)]
    assert only(body(compute=compute(cores={"min": 2, "max": 3}), metrics=wanted), here) == (
        "compute.cores.max",
        "3",
        "4",
    )
    assert only(body(metrics=[metric(kinds.METRIC_COMPUTE, min=99)]), here) == (
        "metrics[0].min",
        "99.0",
        "10.0",
    )
    request = body(compute=compute(cores={"min": 2, "max": 8}), metrics=wanted)
    verdict = verdict_of(request, site(qualities=(SPEED,), prices=(MONEY,)))
    assert isinstance(verdict, Yes)
    assert min(offer.terms.cores for offer in verdict.offers) == 4


def test_several_metrics_that_each_need_more() -> None:
    other = Quality(type=kinds.METRIC_THROUGHPUT, min=1, max=1, per_core=True)
    here = site(qualities=(SPEED, other))
    wanted = [metric(kinds.METRIC_COMPUTE, min=30), metric(kinds.METRIC_THROUGHPUT, min=5)]
    faults = refused(body(metrics=wanted), here)
    assert [suggestion(m)[2] for m in faults] == ["5", "5"]
    assert isinstance(verdict_of(follow(body(metrics=wanted), faults), here), Yes)


def test_what_cores_reach_comes_before_what_none_reach() -> None:
    """However the request is ordered: the metric out of reach is lowered no more than it must."""
    wanted = [metric(kinds.METRIC_COMPUTE, min=99), metric(kinds.METRIC_COMPUTE, min=30)]
    here = site(qualities=(SPEED,))
    for metrics in (wanted, wanted[::-1]):
        faults = refused(body(metrics=metrics), here)
        index = metrics.index(wanted[0])
        assert [suggestion(m) for m in faults] == [
            ("compute.cores.max", "1", "3"),
            (f"metrics[{index}].min", "99.0", "30.0"),
        ]
        assert isinstance(verdict_of(follow(body(metrics=metrics), faults), here), Yes)


def test_a_metric_that_cores_do_not_change_asks_for_none() -> None:
    fixed = Quality(type=kinds.METRIC_COMPUTE, min=2, max=2)
    request = body(
        compute=compute(cores={"min": 1, "max": 8}),
        metrics=[metric(kinds.METRIC_COMPUTE, min=3)],
        costs=[cost(kinds.COST_MONETARY, max=3)],
    )
    here = site(qualities=(fixed,), prices=(MONEY,))
    assert only(request, here) == ("metrics[0].min", "3.0", "2.0")


def test_what_is_not_quoted_cannot_be_promised() -> None:
    request = body(
        costs=[cost(kinds.COST_ENERGY, max=5), cost(kinds.COST_MONETARY, max=0)],
        metrics=[metric(kinds.METRIC_THROUGHPUT, min=1)],
    )
    faults = refused(request, site())
    assert [suggestion(m) for m in faults] == [
        ("costs[0].max", "5.0", "remove"),
        ("metrics[0].min", "1.0", "remove"),
    ]
    assert isinstance(verdict_of(follow(request, faults), site()), Yes)


def test_components_have_bounds_of_their_own() -> None:
    here = site(prices=(MONEY, Price(type=kinds.COST_CARBON, per_storage_hour=0.5)))
    parts = {
        "executable": DOCKER | {"costs": [cost(kinds.COST_MONETARY, max=0)]},
        "compute": compute(
            metrics=[metric(kinds.METRIC_COMPUTE, min=1)],
            volumes=[volume("/a", "s", costs=[cost(kinds.COST_CARBON, max=0)])],
        ),
        "storage": [storage("s", size={"min": 4}, costs=[cost(kinds.COST_CARBON, max=3)])],
        "data": [data(storage="s", costs=[cost(kinds.COST_ENERGY, max=1)])],
    }
    faults = refused(parts, here)
    assert [suggestion(m) for m in faults] == [
        ("data[0].costs[0].max", "1.0", "remove"),
        ("storage[0].costs[0].max", "3.0", "4.0"),
    ]
    assert isinstance(verdict_of(follow(parts, faults), here), Yes)
    slow = body(storage=[storage("s", metrics=[metric(kinds.METRIC_COMPUTE, min=1)])])
    assert only(slow, here)[0] == "storage[0].metrics[0].min"
