"""The calendar against an oracle that counts at every single second."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution_broker.domain.amounts import CORES, MEMORY, Booking, Stretch
from execution_broker.domain.calendar import Calendar, envelope, stretches
from tests.domain.builders import EXAMPLES

END = 40
CAPACITY = {CORES: 4, MEMORY: 3}


def booking_of(name: str, amount: int, start: int, length: int) -> Booking:
    return Booking({name: amount}, start, start + length)


bookings = st.builds(
    booking_of,
    st.sampled_from([CORES, MEMORY]),
    st.integers(0, 3),
    st.integers(0, END - 10),
    st.integers(1, 10),
)
calendars = st.lists(bookings, max_size=8)


def used(booked: Sequence[Booking], name: str, instant: int) -> int:
    return sum(b.amounts.get(name, 0) for b in booked if b.start <= instant < b.end)


def has_room(booked: Sequence[Booking], wanted: Sequence[Booking]) -> bool:
    """No instant at which what is wanted, and what is booked beside it, is more than there is."""
    return all(
        used(wanted, name, instant) == 0
        or used(booked, name, instant) + used(wanted, name, instant) <= capacity
        for name, capacity in CAPACITY.items()
        for instant in range(-20, 3 * END)
    )


def calendar_of(booked: Sequence[Booking]) -> Calendar:
    calendar = Calendar(CAPACITY)
    for booking in booked:
        calendar.add(booking)
    return calendar


@EXAMPLES
@given(kept=calendars, dropped=calendars, start=st.integers(0, END), length=st.integers(1, 20))
def test_peak_is_the_most_at_any_second(
    kept: list[Booking], dropped: list[Booking], start: int, length: int
) -> None:
    calendar = calendar_of([*dropped, *kept])
    for booking in dropped:
        calendar.remove(booking)
    for name in CAPACITY:
        seconds = [used(kept, name, instant) for instant in range(start, start + length)]
        assert calendar.peak(name, start, start + length) == max(seconds)


@EXAMPLES
@given(booked=calendars, wanted=calendars)
def test_fits_exactly_where_every_second_has_room(
    booked: list[Booking], wanted: list[Booking]
) -> None:
    assert calendar_of(booked).fits(wanted) == has_room(booked, wanted)


@st.composite
def moving_shapes(draw: st.DrawFn) -> tuple[int, list[tuple[str, int, int, int]]]:
    """Bookings around a start: they begin before it and end after it, no earlier than `held`."""
    parts = st.tuples(
        st.sampled_from([CORES, MEMORY]), st.integers(1, 4), st.integers(0, 4), st.integers(0, 5)
    )
    return draw(st.integers(0, END)), draw(st.lists(parts, min_size=1, max_size=3))


@EXAMPLES
@given(
    booked=calendars, shape=moving_shapes(), earliest=st.integers(0, 20), span=st.integers(0, 30)
)
def test_first_fit_passes_over_no_feasible_start(
    booked: list[Booking],
    shape: tuple[int, list[tuple[str, int, int, int]]],
    earliest: int,
    span: int,
) -> None:
    held, parts = shape

    def bookings_at(start: int) -> list[Booking]:
        end = max(start, held) + 3
        return [
            Booking({name: amount}, start - before, end + after)
            for name, amount, before, after in parts
        ]

    starts = range(earliest, earliest + span + 1)
    expected = next((s for s in starts if has_room(booked, bookings_at(s))), None)
    found = calendar_of(booked).first_fit(
        earliest, earliest + span, lambda start: stretches(bookings_at(start))
    )
    assert found == expected


@EXAMPLES
@given(st.lists(st.lists(bookings, max_size=4), max_size=4))
def test_envelope_is_the_most_of_the_offers_at_every_second(offers: list[list[Booking]]) -> None:
    merged = envelope(map(stretches, offers))
    for name in CAPACITY:
        for instant in range(END):
            most = max((used(offer, name, instant) for offer in offers), default=0)
            assert used(merged, name, instant) == most
        mine = [one for one in merged if name in one.amounts]
        assert all(a.end <= b.start for a, b in pairwise(mine))


@EXAMPLES
@given(booked=calendars, later=calendars, now=st.integers(0, END))
def test_what_is_past_can_be_forgotten(
    booked: list[Booking], later: list[Booking], now: int
) -> None:
    calendar = calendar_of(booked)
    calendar.forget_before(now)
    for booking in later:
        calendar.add(booking)
    for booking in booked:
        calendar.remove(booking)
    for name in CAPACITY:
        for instant in range(now, END):
            assert calendar.peak(name, instant, instant + 1) == used(later, name, instant)


def test_more_than_there_is_never_fits() -> None:
    calendar = Calendar(CAPACITY)
    assert calendar.conflict([Booking({CORES: 5}, 0, 1)]) == (CORES, -1)
    assert calendar.first_fit(0, 10, lambda at: [Stretch(CORES, at, at + 1, 5)]) is None
    assert not calendar.fits([Booking({"gpus": 1}, 0, 1)])


def test_the_conflict_is_named() -> None:
    calendar = calendar_of([Booking({CORES: 4}, 0, 10), Booking({MEMORY: 3}, 0, 20)])
    assert calendar.conflict([Booking({CORES: 1, MEMORY: 1}, 5, 8)]) == (MEMORY, 15)


def test_who_wants_nothing_is_not_stopped_by_overcommitment() -> None:
    calendar = calendar_of([Booking({CORES: 5}, 0, 10)])
    assert calendar.fits([Booking({CORES: 0, MEMORY: 3}, 0, 10)])


@pytest.mark.parametrize(("start", "end"), [(5, 5), (6, 5)])
def test_an_empty_interval_books_nothing(start: int, end: int) -> None:
    assert calendar_of([Booking({CORES: 4}, start, end)]).peak(CORES, 0, 10) == 0
