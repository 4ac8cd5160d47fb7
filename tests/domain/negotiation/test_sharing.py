"""All offers of an answer but its first hold a share of each amount at most, with everybody's."""

from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from execution_broker.domain.amounts import CORES, MEMORY, Booking, of_alternatives
from execution_broker.domain.calendar import envelope
from execution_broker.domain.holding import held
from execution_broker.domain.iso8601 import write_epoch
from execution_broker.domain.negotiation import Rules, Site, negotiate
from execution_broker.domain.offer import Offer, Yes
from tests.domain import builders
from tests.domain.builders import EXAMPLES, NOW, body, compute, demand, requested, site

DAY = 86400


def offers(request: dict[str, Any], *sites: Site) -> tuple[Offer, ...]:
    verdict = negotiate(demand(request), sites, Rules(), NOW)
    assert isinstance(verdict, Yes)
    return verdict.offers


def hold(here: Site, answer: tuple[Offer, ...]) -> None:
    for booking in held((one.terms, one.needs) for one in answer):
        here.calendar.add(booking)


def asking(cores: int) -> dict[str, Any]:
    return body(compute=compute(cores={"min": cores}), schedule=requested(duration="PT10M"))


@pytest.mark.parametrize(
    ("share", "cores", "number"),
    [(0.5, 4, 4), (0.5, 5, 1), (1, 8, 4), (0, 1, 1), (0.124, 1, 1), (0.125, 1, 4), (0.3, 2, 4)],
)
def test_where_the_share_is_less_than_one_session_only_the_first_is_offered(
    share: float, cores: int, number: int
) -> None:
    assert len(offers(asking(cores), site(alternatives=share))) == number


def test_what_alternatives_of_others_hold_is_held_of_the_share() -> None:
    here = site(alternatives=0.5)
    hold(here, offers(asking(3), here))
    assert len(offers(asking(2), here)) == 1
    assert len(offers(asking(1), here)) == 4


def test_alternatives_elsewhere_are_alternatives_there() -> None:
    small = site("small", alternatives=0.5, capacity=builders.capability().capacity | {CORES: 3})
    found = offers(asking(2), site("large", alternatives=0.5), small)
    assert found[0].platform == "large"
    assert "small" not in {one.platform for one in found[1:]}


def amounts_at(bookings: list[Booking], name: str, second: int) -> int:
    return sum(b.amounts.get(name, 0) for b in bookings if b.start <= second < b.end)


_ASKED = st.tuples(st.integers(1, 4), st.integers(1, 8), st.integers(0, 3600))


@EXAMPLES
@given(st.sampled_from([0, 0.3, 0.5, 1]), st.lists(_ASKED, min_size=1, max_size=6))
def test_alternatives_of_everybody_never_hold_more_than_their_share(
    share: float, asked: list[tuple[int, int, int]]
) -> None:
    """Counted by what the offers say, second by second at all edges."""
    here = site(alternatives=share)
    answers: list[tuple[Offer, ...]] = []
    for cores, memory, start in asked:
        request = body(
            compute=compute(cores={"min": cores, "max": cores + 2}, memory={"min": memory}),
            schedule=requested(start=f"{write_epoch(NOW + start)}/P1D", duration="PT30M"),
        )
        verdict = negotiate(demand(request), [here], Rules(), NOW)
        if isinstance(verdict, Yes):
            answers.append(verdict.offers)
            hold(here, verdict.offers)
    alternatives = [envelope([one.needs for one in answer[1:]]) for answer in answers]
    whole = [envelope([one.needs for one in answer]) for answer in answers]
    capacity = here.capability.capacity
    event(f"{share}: {[len(answer) for answer in answers]}")
    for name in (CORES, MEMORY):
        for second in {b.start for one in whole for b in one}:
            together = sum(amounts_at(one, name, second) for one in alternatives)
            assert together <= share * capacity[name]
            assert sum(amounts_at(one, name, second) for one in whole) <= capacity[name]


def test_what_is_held_is_what_any_offer_needs_and_what_any_alternative_does() -> None:
    here = site()
    found = offers(asking(2), here)
    hold(here, found)
    calendar = here.calendar
    assert calendar.peak(CORES, NOW, NOW + DAY) == 2
    start = found[1].terms.start - 5
    assert calendar.peak(of_alternatives(CORES), NOW, start) == 0
    assert calendar.peak(of_alternatives(CORES), start, start + 1) == 2
