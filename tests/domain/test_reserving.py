"""What terms book, and how accepting fixes them."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from execution_broker.domain.amounts import CORES, MEMORY, OUTPUTS, STORAGE, Booking
from execution_broker.domain.calendar import Calendar, envelope
from execution_broker.domain.offer import Terms
from execution_broker.domain.reserving import (
    STILL,
    advance,
    ahead,
    booked_until,
    bookings,
    fix,
    head,
    needs,
)
from tests.domain import builders
from tests.domain.builders import EXAMPLES

TERMS = builders.terms(
    start=1000,
    latest=1300,
    duration=500,
    prepare=60,
    release=13,
    compute_prepare=5,
    compute_release=10,
    cores=2,
    memory=4,
    storage=(7, 8),
    outputs=50,
    retention=900,
)


def test_every_component_is_booked_for_as_long_as_it_may_be_there() -> None:
    assert bookings(TERMS) == [
        Booking({CORES: 2, MEMORY: 4}, 995, 1810, "compute"),
        Booking({STORAGE: 7}, 940, 1813, "storage/0"),
        Booking({STORAGE: 8}, 940, 1813, "storage/1"),
        Booking({OUTPUTS: 50}, 1000, 2713, "outputs"),
    ]


def test_outputs_that_are_not_kept_book_nothing() -> None:
    booked = bookings(builders.terms(outputs=0, retention=900))
    assert [booking.component for booking in booked] == ["compute"]


def test_accepting_keeps_how_early_it_may_be() -> None:
    """`early` is 50 of 60 seconds: ten is the least that preparing takes."""
    offered = msgspec.structs.replace(TERMS, early=50)
    assert fix(TERMS, 950).earliest == fix(TERMS, 950).start
    for now, earliest in ((900, 950), (940, 950), (941, 951), (1240, 1250)):
        assert fix(offered, now).earliest == earliest


def test_accepting_early_keeps_the_first_start_and_late_the_earliest_possible() -> None:
    for now, start in ((900, 1000), (940, 1000), (941, 1001), (1240, 1300)):
        fixed = fix(TERMS, now)
        assert (fixed.start, fixed.latest) == (start, start)
        assert fix(fixed, now) == fixed


flexible = st.builds(
    lambda start, flex, lengths, sizes: builders.terms(
        start=start,
        latest=start + flex,
        duration=lengths[0],
        prepare=lengths[1] + lengths[2],
        compute_prepare=lengths[2],
        release=lengths[3] + lengths[4],
        compute_release=lengths[4],
        storage=tuple(sizes),
        outputs=1,
        retention=lengths[5],
    ),
    st.integers(0, 50),
    st.integers(0, 20),
    st.tuples(*[st.integers(1, 20)] * 6),
    st.lists(st.integers(1, 5), max_size=2),
)


@EXAMPLES
@given(flexible, st.integers(0, 60))
def test_who_starts_early_needs_only_what_was_booked_and_the_head(
    terms: Terms, seconds: int
) -> None:
    """Its time is as long as before, and it ends so much earlier."""
    fixed = fix(terms, terms.start - terms.prepare)
    first = fixed.start - 1 - seconds
    moved = advance(fixed, first)
    assert (moved.start, moved.latest, moved.duration) == (first, first + 1, fixed.duration)
    assert moved.advanced == fixed.latest - moved.latest
    had = Calendar({}, (*bookings(fixed), *head(fixed, first)))
    for one in ahead(bookings(moved), first):
        assert one.start >= first
        for name, amount in one.amounts.items():
            for second in range(one.start, one.end):
                assert had.peak(name, second, second + 1) >= amount


@EXAMPLES
@given(st.lists(flexible, min_size=1, max_size=3), st.integers(0, 20))
def test_whatever_sibling_is_accepted_whenever_its_booking_was_held(
    siblings: list[Terms], moment: int
) -> None:
    """At every second the envelope of all siblings holds at least what the accepted one books."""
    held = Calendar({})
    for booking in envelope(needs(terms) for terms in siblings):
        held.add(booking)
    for terms in siblings:
        now = min(terms.start - terms.prepare + moment, terms.latest - terms.prepare)
        for kept in envelope([needs(fix(terms, now))]):
            for name, amount in kept.amounts.items():
                for second in range(kept.start, kept.end):
                    assert held.peak(name, second, second + 1) >= amount


@EXAMPLES
@given(end=st.integers(0, 100), lateness=st.integers(-100, 20_000))
def test_what_is_late_counts_as_long_again_for_a_minute_at_least_and_an_hour_at_most(
    end: int, lateness: int
) -> None:
    now = end + lateness
    until = booked_until(end, now)
    if lateness < 0:
        assert until == end
    else:
        assert until - now == min(max(lateness, 60), 3600)
        assert (now + until) // 2 - now >= STILL, "it is looked at again by then"
