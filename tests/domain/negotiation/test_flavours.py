"""Fixed sizes: the smallest that fits is offered, all of it; a NO leads to one that fits."""

from typing import Any

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st

from execution_broker.domain.amounts import Booking
from execution_broker.domain.capability import Flavour, Limits, Price
from execution_broker.domain.demand import Demand
from execution_broker.domain.negotiation import Site, negotiate
from execution_broker.domain.offer import Yes
from execution_broker.domain.policy import Maximum, Policy
from execution_broker.domain.reserving import bookings
from execution_broker.models import kinds
from tests.domain import builders
from tests.domain.builders import EXAMPLES, NOW, body, compute, follow, has_remedy, metric, site
from tests.domain.negotiation.answers import refused, suggestion, verdict_of
from tests.domain.negotiation.worlds import RULES

SIZES = (
    Flavour(name="large", cores=8, memory=16),
    Flavour(name="small", cores=2, memory=4),
    Flavour(name="wide", cores=2, memory=32),
)


def here(**parts: Any) -> Site:
    price = Price(type=kinds.COST_MONETARY, per_core_hour=1, per_memory_hour=1)
    return site(**{"flavours": SIZES, "prices": (price,), **parts})


def sized(cores: dict[str, int] | None, memory: dict[str, int] | None = None) -> dict[str, Any]:
    return body(compute=compute(cores=cores, memory=memory))


def offered(request: dict[str, Any], *sites: Site) -> list[tuple[int, int]]:
    """The distinct sizes of the offers, in order."""
    verdict = verdict_of(request, *sites)
    assert isinstance(verdict, Yes), verdict
    return list(dict.fromkeys((o.terms.cores, o.terms.memory) for o in verdict.offers))


def test_the_smallest_that_fits_is_offered_and_all_of_it() -> None:
    assert offered(sized({"min": 1}), here()) == [(2, 4)]
    assert offered(sized({"min": 1}, {"min": 5}), here()) == [(2, 32)]
    assert offered(sized({"min": 3}), here()) == [(8, 16)]
    assert offered(body(), here()) == [(2, 4)]


def test_the_offer_says_what_size_it_is_and_books_all_of_it() -> None:
    verdict = verdict_of(sized({"min": 1}), here())
    assert isinstance(verdict, Yes)
    offer = verdict.offers[0]
    (told,) = (m for m in offer.messages if m.kind.endswith("flavour"))
    assert told.values["flavour"] == "small"
    assert bookings(offer.terms)[0].amounts == {"cores": 2, "memory": 4}
    assert offer.costs["session"][0].max == (2 + 4) * 2


def test_larger_ones_are_a_choice_where_more_can_be_used() -> None:
    assert offered(sized({"min": 1, "max": 8}, {"min": 1, "max": 16}), here()) == [(2, 4), (8, 16)]
    assert offered(sized({"min": 1, "max": 4}), here()) == [(2, 4), (2, 32)]


def test_a_metric_may_need_a_larger_one() -> None:
    request = sized({"min": 1}) | {"metrics": [metric(kinds.METRIC_COMPUTE, min=5)]}
    assert offered(request, here()) == [(8, 16)]
    faster = sized({"min": 1}) | {"metrics": [metric(kinds.METRIC_COMPUTE, min=9)]}
    (fault,) = refused(faster, here())
    assert suggestion(fault) == ("metrics[0].min", "9.0", "2.0")
    assert offered(follow(faster, [fault]), here()) == [(2, 4)]


def test_too_much_leads_to_the_nearest_size() -> None:
    request = sized({"min": 9}, {"min": 20})
    faults = refused(request, here())
    assert [suggestion(fault) for fault in faults] == [("compute.cores.min", "9", "2")]
    assert offered(follow(request, faults), here()) == [(2, 32)]


def test_too_little_leads_to_the_smallest_that_would_do() -> None:
    request = sized({"min": 1, "max": 1}, {"min": 1, "max": 3})
    faults = refused(request, here())
    assert [suggestion(fault) for fault in faults] == [
        ("compute.cores.max", "1", "2"),
        ("compute.memory.max", "3", "4"),
    ]
    assert offered(follow(request, faults), here()) == [(2, 4)]


def test_sizes_beyond_what_a_session_can_have_are_left_out() -> None:
    assert offered(sized({"min": 1, "max": 8}), here(limits=Limits(cores=4))) == [(2, 4), (2, 32)]


def test_where_no_size_can_be_had_nothing_helps() -> None:
    (fault,) = refused(sized({"min": 1}), here(limits=Limits(cores=1)))
    assert not has_remedy(fault)
    assert "none of the sizes of here" in (fault.message or "")


def test_where_there_is_no_room_a_smaller_one_is_suggested() -> None:
    full = here()
    full.calendar.add(Booking({"cores": 6}, NOW, NOW + 10**8))
    request = sized({"min": 4})
    faults = refused(request, full)
    ways = {suggestion(fault) for fault in faults}
    assert ("compute.cores.min", "4", "2") in ways
    for fault in faults:
        assert isinstance(verdict_of(follow(request, [fault]), full), Yes)


def test_a_policy_that_refuses_who_could_use_more_does_so_here_too() -> None:
    policy = Policy(cores=Maximum(most=2, over="refuse"))
    request = sized({"min": 1, "max": 8})
    (fault,) = refused(request, here(policy=policy))
    assert suggestion(fault) == ("compute.cores.max", "8", "2")
    assert offered(follow(request, [fault]), here(policy=policy)) == [(2, 4), (2, 32)]


numbers = st.integers(1, 6)
ranges = st.builds(
    lambda least, more: {"min": least} if more is None else {"min": least, "max": least + more},
    numbers,
    st.none() | st.integers(0, 3),
)
flavours = st.lists(
    st.builds(lambda c, m: Flavour(name=f"{c}x{m}", cores=c, memory=m), numbers, numbers),
    min_size=1,
    max_size=4,
).map(tuple)


@EXAMPLES
@given(flavours=flavours, cores=ranges, memory=ranges, free=st.integers(0, 6))
def test_every_offer_is_a_size_and_every_no_leads_to_one(
    flavours: tuple[Flavour, ...], cores: dict[str, int], memory: dict[str, int], free: int
) -> None:
    there = here(flavours=flavours, capacity={"cores": 6, "memory": 6, "storage": 1})
    there.calendar.add(Booking({"cores": 6 - free}, NOW - 5, NOW + 10**8))
    request = sized(cores, memory)
    demand = builders.demand(request)
    verdict = negotiate(demand, [there], RULES, NOW)
    fitting = [f for f in flavours if fits(f, demand) and f.cores <= free]
    assert isinstance(verdict, Yes) == bool(fitting)
    if isinstance(verdict, Yes):
        sizes = {(o.terms.cores, o.terms.memory) for o in verdict.offers}
        assert sizes <= {(f.cores, f.memory) for f in fitting}
        least = min((f.cores, f.memory) for f in fitting)
        assert (verdict.offers[0].terms.cores, verdict.offers[0].terms.memory) == least
        return
    assume(all(has_remedy(message) for message in verdict.messages))
    room = [m for m in verdict.messages if m.kind.endswith("no-capacity")]
    others = [m for m in verdict.messages if m not in room]
    for way in [[*others, one] for one in room] or [others]:
        changed = builders.demand(follow(request, way))
        assert isinstance(negotiate(changed, [there], RULES, NOW), Yes)


def fits(flavour: Flavour, demand: Demand) -> bool:
    pairs = ((flavour.cores, demand.cores), (flavour.memory, demand.memory))
    return all(size.min <= n and (size.max is None or n <= size.max) for n, size in pairs)


def test_a_platform_without_sizes_gives_what_is_asked_for() -> None:
    plain = msgspec.structs.replace(here(), capability=builders.capability())
    assert offered(sized({"min": 3}), plain) == [(3, 1)]
