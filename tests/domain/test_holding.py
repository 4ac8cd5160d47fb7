"""What an answer holds: at each instant the most of any offer, and of that the most of any
alternative."""

from hypothesis import given
from hypothesis import strategies as st

from execution_broker.domain.amounts import CORES, MEMORY, Stretch, of_alternatives
from execution_broker.domain.calendar import Calendar
from execution_broker.domain.holding import held, of_the_share
from tests.domain.builders import EXAMPLES, terms

Needs = list[Stretch]


def stretches(name: str) -> st.SearchStrategy[Stretch]:
    return st.builds(
        lambda start, length, amount: Stretch(name, start, start + length, amount),
        st.integers(0, 12),
        st.integers(0, 6),
        st.integers(0, 3),
    )


needs = st.tuples(stretches(CORES), stretches(MEMORY)).map(list)


def most_at(offers: list[Needs], name: str, second: int) -> int:
    amounts = [
        one.amount
        for offer in offers
        for one in offer
        if one.name == name and one.start <= second < one.end
    ]
    return max(amounts, default=0)


@EXAMPLES
@given(
    first=st.none() | needs,
    alternatives=st.lists(needs, max_size=4),
    is_sorted=st.booleans(),
)
def test_all_is_held_and_of_it_what_alternatives_need(
    first: Needs | None, alternatives: list[Needs], *, is_sorted: bool
) -> None:
    if is_sorted:
        alternatives = sorted(alternatives, key=lambda offer: offer[0].start)
    offers = [(terms(is_alternative=True), one) for one in alternatives]
    known = alternatives if first is None else [first, *alternatives]
    bookings = held(offers if first is None else [(terms(), first), *offers])
    calendar = Calendar({}, bookings)
    for second in range(20):
        for name in (CORES, MEMORY):
            assert calendar.peak(name, second, second + 1) == most_at(known, name, second)
            shared = calendar.peak(of_alternatives(name), second, second + 1)
            assert shared == most_at(alternatives, name, second)
    assert [one.start for one in bookings] == sorted(one.start for one in bookings)
    again = Calendar({})
    again.change(of_the_share(alternatives))
    for second in range(20):
        name = of_alternatives(CORES)
        assert again.peak(name, second, second + 1) == calendar.peak(name, second, second + 1)


def test_offers_one_after_the_other_are_one_booking() -> None:
    starts = (0, 10, 20, 30)
    offers = [(terms(is_alternative=at > 0), [Stretch(CORES, at, at + 11, 2)]) for at in starts]
    (booking,) = held(offers)
    assert (booking.start, booking.end, booking.shared_from) == (0, 41, 10)
    (booking,) = held(offers[:1])
    assert booking.shared_from is None
    (booking,) = held(offers[1:])
    assert booking.shared_from == booking.start
