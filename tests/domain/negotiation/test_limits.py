"""What is asked for beside what a site has: limits, capacity, and what data takes."""

import pytest

from execution_broker.domain.capability import Limits, Price
from execution_broker.domain.demand import Lookup
from execution_broker.domain.offer import Yes
from execution_broker.models import kinds
from tests.domain.builders import (
    NOTEBOOK,
    body,
    compute,
    data,
    follow,
    requested,
    site,
    storage,
)
from tests.domain.negotiation.answers import only, refused, suggestion, verdict_of

GIB = 1 << 30


def test_limits_and_capacity() -> None:
    here = site(limits=Limits(cores=4, memory=16, duration=3600))
    request = body(
        compute=compute(cores={"min": 5}, memory={"min": 17, "max": 40}),
        schedule=requested(duration="PT2H"),
    )
    faults = refused(request, here)
    assert [suggestion(m) for m in faults] == [
        ("compute.cores.min", "5", "4"),
        ("compute.memory.min", "17", "16"),
        ("schedule.requested.duration", "PT2H", "PT1H"),
    ]
    assert faults[0].message == (
        "compute.cores asks for 5 cores of compute; here can give a session 4 cores at most."
    )
    assert isinstance(verdict_of(follow(request, faults), here), Yes)
    small = site(capacity={"cores": 2, "memory": 3})
    assert only(body(compute=compute(cores={"min": 3})), small)[2] == "2"


def test_what_a_site_has_none_of_cannot_be_had_for_less() -> None:
    (fault,) = refused(body(), site(capacity={"cores": 4}))
    assert suggestion(fault) == ("compute.memory.min", None, None)
    (fault,) = refused(body(), site(outputs=2000))
    assert fault.values["resource"] == "outputs"


def test_the_calendar_may_know_of_less_than_was_reported() -> None:
    here = site()
    here.calendar.capacity["cores"] = 3
    assert only(body(compute=compute(cores={"min": 4})), here)[2] == "3"


def test_the_enormous_is_refused_like_anything_else() -> None:
    most = 2**63 - 1
    request = body(
        compute=compute(cores={"min": most}, memory={"min": most}),
        storage=[storage("s", size={"min": most})],
        schedule=requested(duration="P36500D"),
    )
    faults = refused(request, site(limits=Limits(duration=60)))
    assert [m.values["to"] for m in faults] == ["8", "32", "100", "PT1M"]
    assert isinstance(verdict_of(follow(request, faults), site()), Yes)
    for checks in ({"size": most}, {"size": 1 << 56}):
        (fault,) = refused({"executable": NOTEBOOK | {"checks": checks}}, site())
        assert "would take" in (fault.message or "")
        faults = refused(body(data=[data(checks=checks)]), site())
        assert "too-much" in faults[0].kind


def test_more_than_the_site_has_is_capped_with_a_warning() -> None:
    request = body(
        compute=compute(cores={"min": 1, "max": 100}, memory={"max": 64}),
        storage=[
            storage("a", size={"min": 30, "max": 90}),
            storage("b", size={"min": 20, "max": 60}),
        ],
    )
    verdict = verdict_of(request, site())
    assert isinstance(verdict, Yes)
    warnings = [m for m in verdict.offers[0].messages if m.level == "WARN"]
    assert [(m.values["place"], m.values["limit"]) for m in warnings] == [
        ("compute.cores", "8"),
        ("compute.memory", "32"),
        ("storage[0].size", "80"),
    ]


def test_storage_is_limited_all_together() -> None:
    request = body(
        storage=[
            storage("a", size={"min": 60}),
            storage("b", size={"min": 30, "max": 50}),
            storage("c", size={"min": 40}),
        ],
        data=[data(storage="c", checks={"size": 35 * GIB})],
    )
    faults = refused(request, site())
    assert [suggestion(m) for m in faults] == [("storage[0].size.min", "60", "30")]
    faults = refused(request, site(limits=Limits(storage=37)))
    assert [suggestion(m) for m in faults] == [
        ("storage[0].size.min", "60", "1"),
        ("storage[1].size.min", "30", "1"),
        ("storage[2].size.min", "40", "35"),
    ]
    changed = follow(request, faults)
    assert isinstance(verdict_of(changed, site(limits=Limits(storage=37))), Yes)
    (fault,) = refused(request, site(limits=Limits(storage=36)))
    assert suggestion(fault) == ("storage", None, None)


@pytest.mark.parametrize(
    ("size", "lookup", "suggested", "offered"),
    [
        ({"min": 1}, None, ("storage[0].size.min", "1", "3"), 3),
        ({"min": 1, "max": 2}, None, ("storage[0].size.max", "2", "3"), 3),
        ({"min": 1, "max": 9}, None, None, 3),
        (None, None, None, 3),
        (None, Lookup(size=4 * GIB), None, 4),
    ],
)
def test_storage_holds_its_data(
    size: dict[str, int] | None,
    lookup: Lookup | None,
    suggested: tuple[str, str, str] | None,
    offered: int,
) -> None:
    checks = None if lookup else {"size": 3 * GIB - 5}
    request = body(storage=[storage("s", size=size)], data=[data(storage="s", checks=checks)])
    dear = Price(type=kinds.COST_MONETARY, per_storage_hour=1)
    found = {"data/0": lookup} if lookup else {}
    here = site(prices=(dear,))
    if suggested:
        assert only(request, here, found) == suggested
        request = follow(request, refused(request, here, lookups=found))
    verdict = verdict_of(request, here, lookups=found)
    assert isinstance(verdict, Yes)
    assert min(offer.terms.storage[0] for offer in verdict.offers) == offered


def test_implied_storage_grows_with_what_a_look_found() -> None:
    verdict = verdict_of(body(data=[data()]), site(), lookups={"data/0": Lookup(size=5 * GIB)})
    assert isinstance(verdict, Yes)
    assert verdict.offers[0].terms.storage == (5,)
