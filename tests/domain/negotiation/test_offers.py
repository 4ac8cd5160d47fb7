"""When, how much and where: what is offered, and what helps where nothing can be."""

import time
from typing import Any

import pytest

from execution_broker.domain.amounts import Booking
from execution_broker.domain.capability import Price, Timings
from execution_broker.domain.iso8601 import write_epochs
from execution_broker.domain.negotiation import Rules, Site, negotiate
from execution_broker.domain.offer import No, Offer, Yes
from execution_broker.models import kinds
from tests.domain.builders import (
    NOW,
    RULES,
    body,
    compute,
    cost,
    data,
    demand,
    follow,
    requested,
    site,
    storage,
)

PREPARE = 10
HOUR = 3600


def offers_of(
    request: dict[str, Any], *sites: Site, rules: Rules = RULES, now: int = NOW
) -> tuple[Offer, ...]:
    verdict = negotiate(demand(request), sites, rules, now)
    assert isinstance(verdict, Yes), verdict
    return verdict.offers


def ways(request: dict[str, Any], here: Site) -> dict[str, str]:
    """What each NO_CAPACITY suggests; each of them alone makes a Yes."""
    verdict = negotiate(demand(request), [here], RULES, NOW)
    assert isinstance(verdict, No)
    for message in verdict.messages:
        assert message.kind.endswith("no-capacity")
        if "to" in message.values:
            assert offers_of(follow(request, [message]), here)
    return {m.values["path"]: m.values["to"] for m in verdict.messages if "path" in m.values}


def book(here: Site, name: str, amount: int, start: int, end: int) -> None:
    here.calendar.add(Booking({name: amount}, NOW + start, NOW + end))


def within(start: int, end: int) -> dict[str, Any]:
    return requested(start=write_epochs(NOW + start, NOW + end), duration="PT1H")


def test_a_flexible_start_may_be_as_early_as_preparing_may_be_done() -> None:
    quick = Timings(storage=0, executable_here=2, compute=1, release=0, throughput=1 << 40)
    (first, *others) = offers_of(body(), site(quickest=quick))
    assert first.terms.start == NOW + PREPARE
    assert first.terms.earliest == NOW + 3
    for other in others:
        assert other.terms.start == other.terms.latest == other.terms.earliest


def test_what_nobody_knows_may_be_done_at_once() -> None:
    assert offers_of(body(), site())[0].terms.earliest == NOW


@pytest.mark.parametrize(("opens", "earliest"), [(-60, 0), (6, 6), (10, 10), (50, 50)])
def test_a_start_is_never_before_the_window(opens: int, earliest: int) -> None:
    (first, *_) = offers_of(body(schedule=within(opens, 3600)), site())
    assert first.terms.earliest == NOW + earliest


def test_a_start_that_is_reserved_elsewhere_or_has_another_price_earlier_stays() -> None:
    hourly = Price(type=kinds.COST_MONETARY, per_core_hour=1.0, by_hour=(1.0,) * 24)
    for here in (site(fixed_starts=True), site(prices=(hourly,))):
        (first, *_) = offers_of(body(), here)
        assert first.terms.start < first.terms.latest
        assert first.terms.early == 0


def test_the_earliest_start_is_flexible_until_the_offer_expires() -> None:
    first = offers_of(body(), site())[0]
    assert first.expires == NOW + RULES.hold
    assert first.terms.start == NOW + PREPARE
    assert first.terms.latest == first.expires + PREPARE


def test_a_start_long_after_the_offer_expires_is_fixed() -> None:
    first = offers_of(body(schedule=within(HOUR, 2 * HOUR)), site())[0]
    assert first.terms.start == first.terms.latest == NOW + HOUR


def test_a_short_window_shortens_the_hold() -> None:
    first = offers_of(body(schedule=within(0, 100)), site())[0]
    assert first.terms.latest == NOW + 99
    assert first.expires == NOW + 99 - PREPARE


def test_a_window_that_closes_too_early() -> None:
    request = body(schedule=within(-50, 30))
    verdict = negotiate(demand(request), [site()], RULES, NOW)
    assert isinstance(verdict, No)
    (fault,) = verdict.messages
    assert fault.values["missing"] == "PT11S"
    assert fault.values["to"] == write_epochs(NOW - 50, NOW + 41 + RULES.patience)
    (offer, *_) = offers_of(follow(request, [fault]), site())
    assert offer.expires == NOW + RULES.least_hold + RULES.patience
    (offer, *_) = offers_of(follow(request, [fault]), site(), now=NOW + RULES.patience)
    assert offer.expires == NOW + RULES.patience + RULES.least_hold


def test_a_window_that_closes_too_early_where_there_is_no_room_either() -> None:
    request = body(schedule=within(0, 30))
    full = site()
    book(full, "cores", 8, 0, HOUR)
    verdict = negotiate(demand(request), [full], RULES, NOW)
    assert isinstance(verdict, No)
    (fault,) = verdict.messages
    assert fault.values["to"] == write_epochs(NOW, NOW + HOUR + 5 + 1)
    assert offers_of(follow(request, [fault]), full)
    for_ever = site()
    book(for_ever, "cores", 8, 0, 10**8)
    verdict = negotiate(demand(request), [for_ever], RULES, NOW)
    assert isinstance(verdict, No)
    assert [m.kind.rpartition(":")[2] for m in verdict.messages] == [
        "not-enough-time",
        "no-capacity",
    ]
    assert "Ask again later" in (verdict.messages[1].message or "")


def test_no_hold_can_be_longer_than_the_rules_allow() -> None:
    rules = Rules(hold=10, least_hold=30)
    (offer, *_) = offers_of(body(), site(), rules=rules)
    assert offer.expires == NOW + 10


def test_where_the_whole_hold_has_no_room_a_shorter_one_may() -> None:
    here = site()
    book(here, "cores", 8, HOUR + 100, 10 * HOUR)
    (offer, *_) = offers_of(body(schedule=within(0, 2 * HOUR)), here)
    assert offer.terms.start == NOW + PREPARE
    assert offer.terms.latest + HOUR + 10 == NOW + HOUR + 100
    assert offer.expires == offer.terms.latest - PREPARE


def test_alternatives_are_larger_and_later() -> None:
    here = site(prices=(Price(type=kinds.COST_MONETARY, per_core_hour=1, per_memory_hour=1),))
    request = body(
        compute=compute(cores={"min": 2, "max": 6}, memory={"min": 1, "max": 2}),
        schedule=within(0, 3 * HOUR),
    )
    book(here, "cores", 3, 0, HOUR)
    found = [(o.terms.start - NOW, o.terms.cores, o.terms.memory) for o in offers_of(request, here)]
    assert found == [
        (PREPARE, 2, 1),
        (PREPARE, 5, 2),
        (PREPARE + HOUR, 2, 1),
        (PREPARE + HOUR, 6, 2),
    ]


def test_where_more_costs_no_more_only_the_most_is_offered() -> None:
    request = body(compute=compute(cores={"min": 2, "max": 6}), schedule=within(0, 3 * HOUR))
    assert [offer.terms.cores for offer in offers_of(request, site())] == [6, 6, 6]


def test_storage_grows_in_order_up_to_what_is_free() -> None:
    request = body(
        storage=[
            storage("a", size={"min": 10, "max": 50}),
            storage("b", size={"min": 10}),
            storage("c", size={"min": 10, "max": 80}),
        ]
    )
    here = site()
    book(here, "storage", 20, 0, 10 * HOUR)
    assert offers_of(request, here)[0].terms.storage == (50, 10, 20)


def test_growing_stops_at_the_bounds() -> None:
    here = site(prices=(Price(type=kinds.COST_MONETARY, per_storage_hour=0.25),))
    request = body(
        storage=[storage("a", size={"min": 10, "max": 50})],
        costs=[cost(kinds.COST_MONETARY, max=8)],
        schedule=within(0, HOUR),
    )
    assert {o.terms.storage for o in offers_of(request, here)} == {(10,), (32,)}


def test_cheaper_and_greener_sites_are_offered_beside_the_earliest() -> None:
    def priced(name: str, money: float, carbon: float, compute_time: int) -> Site:
        prices = (
            Price(type=kinds.COST_MONETARY, per_session=money),
            Price(type=kinds.COST_CARBON, per_session=carbon),
        )
        return site(name, prices=prices, timings=Timings(compute=compute_time))

    sites = [
        priced("dear", 9, 9, 50),
        priced("green", 8, 1, 20),
        priced("cheap", 1, 8, 30),
        priced("quick", 9, 9, 10),
    ]
    rules = Rules(offers=3)
    found = offers_of(body(), *sites, rules=rules)
    assert [offer.platform for offer in found] == ["quick", "green", "cheap"]


def test_at_the_same_start_only_the_better_site_is_offered() -> None:
    cheap = site("cheap", prices=(Price(type=kinds.COST_MONETARY, per_session=1),))
    dear = site("dear", prices=(Price(type=kinds.COST_MONETARY, per_session=2),))
    other = site("other", prices=(Price(type=kinds.COST_CARBON, per_session=3),))
    request = body(schedule=within(0, HOUR))
    platforms = [offer.platform for offer in offers_of(request, dear, cheap, other)]
    assert platforms == ["cheap", "other"]


def test_equal_sites_are_both_offered() -> None:
    request = body(schedule=within(0, HOUR))
    assert [o.platform for o in offers_of(request, site("a"), site("b"))] == ["a", "b"]


def test_one_yes_is_enough() -> None:
    here = site("here", capacity={"cores": 1, "memory": 1})
    request = body(compute=compute(cores={"min": 2}))
    assert {offer.platform for offer in offers_of(request, here, site("there"))} == {"there"}


def test_what_would_make_room() -> None:
    here = site()
    book(here, "cores", 6, 0, 5 * HOUR)
    request = body(compute=compute(cores={"min": 4}), schedule=within(0, 2 * HOUR))
    assert ways(request, here) == {
        "schedule.requested.start": write_epochs(NOW, NOW + 5 * HOUR + 5 + 1),
        "compute.cores.min": "2",
    }


def test_what_would_make_room_for_memory_and_for_a_while() -> None:
    here = site()
    book(here, "memory", 30, 2 * HOUR, 30 * 24 * HOUR)
    request = body(compute=compute(memory={"min": 4}), schedule=within(HOUR + 1, HOUR + 3))
    assert ways(request, here) == {
        "compute.memory.min": "2",
        "schedule.requested.duration": "PT59M49S",
    }


def test_what_would_make_room_for_storage() -> None:
    here = site()
    book(here, "storage", 70, 0, 30 * 24 * HOUR)
    request = body(
        storage=[storage("a", size={"min": 20}), storage("b", size={"min": 15}), storage("c")],
        data=[data()],
    )
    assert ways(request, here) == {"storage[0].size.min": "13"}
    implied = body(data=[data(checks={"size": 31 << 30})])
    assert ways(implied, here) == {}


def test_metrics_set_how_few_cores_are_enough() -> None:
    here = site()
    book(here, "cores", 5, 0, 30 * 24 * HOUR)
    metrics = [{"kind": kinds.MINMAX_METRIC, "type": kinds.METRIC_COMPUTE, "min": 4}]
    assert ways(body(compute=compute(cores={"min": 6}), metrics=metrics), here) == {}
    metrics[0]["min"] = 3
    request = body(compute=compute(cores={"min": 6}), metrics=metrics)
    assert ways(request, here) == {"compute.cores.min": "3"}


@pytest.mark.parametrize("cores", [2, 8])
def test_a_busy_calendar_is_searched_quickly(cores: int) -> None:
    """Thousands of bookings around the window cost no more than a blink, with room or without."""
    here = site(capacity={"cores": 1000, "memory": 4000})
    for number in range(4_000):
        start = number * 20
        book(here, "cores", 1 if cores == 2 else 10, start, start + 8000)
    request = body(compute=compute(cores={"min": cores}, memory={"min": 1}))
    began = time.process_time()
    negotiate(demand(request), [here], RULES, NOW)
    assert time.process_time() - began < 1
