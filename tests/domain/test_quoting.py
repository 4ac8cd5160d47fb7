"""Costs and metrics: per component, and summed for the session."""

import math

from hypothesis import given
from hypothesis import strategies as st

from execution_broker.domain.capability import Price, Quality
from execution_broker.domain.offer import Terms
from execution_broker.domain.quoting import Quote, quote
from execution_broker.models import kinds
from execution_broker.models.component import Cost, Metric
from tests.domain import builders
from tests.domain.builders import EXAMPLES

GIB = 1 << 30
MONEY = kinds.COST_MONETARY
CARBON = kinds.COST_CARBON
SPEED = kinds.METRIC_COMPUTE


def test_a_platform_without_prices_is_free_and_as_fast_as_it_has_cores() -> None:
    found = quote(builders.capability(), builders.terms(cores=3, storage=(5,)), {})
    free = (Cost(type=MONEY, min=0.0, max=0.0),)
    speed = (Metric(type=SPEED, min=3.0, max=3.0),)
    assert found == Quote({"session": free, "compute": free}, {"session": speed, "compute": speed})


def test_what_each_component_costs() -> None:
    price = Price(
        type=MONEY,
        per_session=1,
        per_core_hour=0.1,
        per_memory_hour=0.01,
        per_storage_hour=0.001,
        per_gib_staged=0.5,
        uncertainty=0.2,
    )
    shape = builders.terms(duration=2 * 3600, cores=4, memory=8, storage=(10, 20))
    to_stage = {"executable": GIB // 2, "data/1": 2 * GIB}
    found = quote(builders.capability(prices=(price,)), shape, to_stage)
    middle = {
        "executable": 1.25,
        "compute": 0.96,
        "storage/0": 0.02,
        "storage/1": 0.04,
        "data/1": 1.0,
        "session": 3.27,
    }
    assert {
        key: [(cost.type, cost.min, cost.max) for cost in costs]
        for key, costs in found.costs.items()
    } == {
        key: [(MONEY, round(value * 0.8, 6), round(value * 1.2, 6))]
        for key, value in middle.items()
    }


def test_what_costs_nothing_is_not_listed_but_on_compute_and_session() -> None:
    prices = (Price(type=CARBON, per_storage_hour=1), Price(type=MONEY, per_session=2))
    found = quote(builders.capability(prices=prices), builders.terms(storage=(1,)), {"data/0": 5})
    types = {key: [cost.type for cost in costs] for key, costs in found.costs.items()}
    assert types == {
        "session": [CARBON, MONEY],
        "compute": [CARBON, MONEY],
        "executable": [MONEY],
        "storage/0": [CARBON],
    }


def test_prices_of_one_type_add_up_and_the_first_quality_of_a_type_counts() -> None:
    prices = (Price(type=MONEY, per_session=1), Price(type=MONEY, per_session=2))
    qualities = (
        Quality(type=kinds.METRIC_THROUGHPUT, min=5, max=6),
        Quality(type=SPEED, min=1, max=2),
        Quality(type=SPEED, min=8, max=9),
    )
    capability = builders.capability(prices=prices, qualities=qualities)
    found = quote(capability, builders.terms(), {})
    assert found.costs["session"] == (Cost(type=MONEY, min=3.0, max=3.0),)
    assert found.metrics["session"] == (
        Metric(type=kinds.METRIC_THROUGHPUT, min=5.0, max=6.0),
        Metric(type=SPEED, min=1.0, max=2.0),
    )


amounts = st.floats(0, 1000)
prices_of_any_kind = st.builds(
    Price,
    type=st.sampled_from([MONEY, CARBON, "urn:other:monetary"]),
    per_session=amounts,
    per_core_hour=amounts,
    per_memory_hour=amounts,
    per_storage_hour=amounts,
    per_gib_staged=amounts,
    uncertainty=st.floats(0, 2),
    by_hour=st.just(()) | st.lists(amounts, min_size=24, max_size=24).map(tuple),
)
qualities_of_any_kind = st.builds(
    Quality,
    type=st.sampled_from([SPEED, kinds.METRIC_THROUGHPUT]),
    min=amounts,
    max=amounts,
    per_core=st.booleans(),
)
shapes = st.builds(
    builders.terms,
    cores=st.integers(1, 64),
    memory=st.integers(1, 64),
    duration=st.integers(1, 10**6),
    storage=st.lists(st.integers(1, 50), max_size=3).map(tuple),
)


@EXAMPLES
@given(
    prices=st.lists(prices_of_any_kind, max_size=3).map(tuple),
    qualities=st.lists(qualities_of_any_kind, max_size=3).map(tuple),
    shape=shapes,
    staged=st.integers(0, 10**12),
)
def test_every_quote_keeps_the_rules_of_the_wire(
    prices: tuple[Price, ...], qualities: tuple[Quality, ...], shape: Terms, staged: int
) -> None:
    capability = builders.capability(prices=prices, qualities=qualities)
    found = quote(capability, shape, {"data/0": staged})
    session = {cost.type: cost for cost in found.costs["session"]}
    assert any("monetary" in str(type_) for type_ in session)
    assert set(session) == {cost.type for cost in found.costs["compute"]}
    for key in ("session", "compute"):
        assert any("compute-performance" in str(m.type) for m in found.metrics[key])
    listed: list[tuple[Cost | Metric, ...]] = [*found.costs.values(), *found.metrics.values()]
    for entries in listed:
        assert all((entry.min or 0) <= (entry.max or 0) for entry in entries)
        assert len({entry.type for entry in entries}) == len(entries)
    for type_, total in session.items():
        parts = [c for key, cs in found.costs.items() if key != "session" for c in cs]
        for side in ("min", "max"):
            summed = math.fsum(getattr(c, side) for c in parts if c.type == type_)
            assert math.isclose(summed, getattr(total, side), abs_tol=1e-5, rel_tol=1e-9)
