"""The bounds that a reader is told: each can be had, and not one more."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from execution_broker.domain.amounts import CORES, MEMORY, OUTPUTS, STORAGE, Booking
from execution_broker.domain.calendar import Calendar, envelope, stretches
from execution_broker.domain.capability import Limits
from execution_broker.domain.changing import Bounds, changeable, changed
from execution_broker.domain.growing import DURATION, no_room, room
from execution_broker.domain.offer import Terms
from execution_broker.domain.reserving import ahead, bookings, needs
from execution_broker.models.phases import SessionPhase
from tests.domain import builders
from tests.domain.builders import EXAMPLES

NAMES = (CORES, MEMORY, STORAGE, OUTPUTS, "gpus")
LONGEST = 4000
CAPABILITY = builders.capability(
    capacity={CORES: 9, MEMORY: 12, STORAGE: 20, OUTPUTS: 30, "gpus": 3},
    limits=Limits(cores=7, duration=LONGEST),
    changeable=frozenset({DURATION, CORES, MEMORY, "gpus"}),
)


@st.composite
def sessions(draw: st.DrawFn) -> Terms:
    start = draw(st.integers(100, 600))
    return builders.terms(
        start=start,
        latest=start + draw(st.integers(0, 100)),
        duration=draw(st.integers(1, 500)),
        prepare=draw(st.integers(0, 60)),
        compute_prepare=draw(st.integers(0, 20)),
        release=draw(st.integers(0, 60)),
        compute_release=draw(st.integers(0, 20)),
        cores=draw(st.integers(1, 3)),
        memory=draw(st.integers(1, 3)),
        storage=tuple(draw(st.lists(st.integers(1, 4), max_size=2))),
        outputs=draw(st.integers(0, 10)),
        retention=draw(st.integers(0, 300)),
        amounts=draw(st.sampled_from(({}, {"gpus": 0}, {"gpus": 1}))),
    )


@st.composite
def others(draw: st.DrawFn) -> list[Booking]:
    start = draw(st.integers(0, 3000))
    one = Booking(
        {draw(st.sampled_from(NAMES)): draw(st.integers(1, 4))},
        start,
        start + draw(st.integers(1, 900)),
    )
    return [one]


def is_accepted(
    terms: Terms, bounds: Bounds, value: int, calendar: Calendar, siblings: list[Terms], at: Any
) -> bool:
    """What decides an update: a new hold beside the siblings', or what is ahead booked anew."""
    if value > bounds.limit:
        return False
    new = bookings(changed(terms, CAPABILITY, bounds.name, value))
    if at is not None:
        return value <= bounds.now or calendar.fits(ahead(new, at))
    held = envelope(map(stretches, [new, *map(bookings, siblings)]))
    return value <= bounds.now or calendar.fits(held)


@EXAMPLES
@given(
    mine=sessions(),
    siblings=st.lists(sessions(), max_size=2),
    booked=st.lists(others(), max_size=12),
    at=st.none() | st.integers(0, 1300),
)
def test_each_bound_can_be_had_and_not_one_more(
    mine: Terms, siblings: list[Terms], booked: list[list[Booking]], at: int | None
) -> None:
    calendar = Calendar(CAPABILITY.capacity)
    siblings = siblings if at is None else []
    own = envelope(needs(one) for one in (mine, *siblings))
    calendar_with_own = Calendar(CAPABILITY.capacity, own)
    for booking in (one for found in booked for one in found):
        if calendar_with_own.fits([booking]):
            calendar.add(booking)
            calendar_with_own.add(booking)
    phase = SessionPhase.OFFERED if at is None else SessionPhase.RUNNING
    possible = changeable(phase, mine, CAPABILITY, 0, room(mine, calendar, at))
    assert {one.name for one in possible} == {DURATION, CORES, MEMORY, *mine.amounts}
    for one in possible:
        assert one.now <= one.max <= one.limit
        assert is_accepted(mine, one, one.max, calendar, siblings, at), one
        assert not is_accepted(mine, one, one.max + 1, calendar, siblings, at), one


def test_nothing_grows_where_too_much_is_booked() -> None:
    terms = builders.terms(cores=2, memory=4, amounts={"gpus": 1})
    full = Calendar(CAPABILITY.capacity, [Booking({MEMORY: 9}, terms.start, terms.start + 1)])
    for found in (room(terms, full), no_room(terms)):
        possible = changeable(SessionPhase.OFFERED, terms, CAPABILITY, 0, found)
        assert [one.max for one in possible if one.name != DURATION] == [2, 4, 1]
    short = msgspec.structs.replace(terms, duration=60)
    (first, *_) = changeable(SessionPhase.OFFERED, short, CAPABILITY, 0, no_room(short))
    assert (first.name, first.max) == (DURATION, 60)
