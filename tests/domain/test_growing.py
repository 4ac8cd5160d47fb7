"""The bounds that a reader is told: each can be had, and not one more."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from execution_broker.domain.amounts import CORES, MEMORY, OUTPUTS, STORAGE, Booking, Stretch
from execution_broker.domain.calendar import Calendar, envelope, growth, stretches
from execution_broker.domain.capability import Limits
from execution_broker.domain.changing import Bounds, changeable, changed
from execution_broker.domain.growing import DURATION, room
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
    terms: Terms, bounds: Bounds, value: int, calendar: Calendar, own: list[Booking], rest: Any
) -> bool:
    """What decides an update: there is room for what is to be booked more than now. `calendar` has
    what is `own`; `rest` makes of new bookings all that is booked of it then."""
    if value > bounds.limit:
        return False
    new = rest(bookings(changed(terms, CAPABILITY, bounds.name, value)))
    return value <= bounds.now or calendar.shortage(growth(own, new)) is None


@EXAMPLES
@given(
    mine=sessions(),
    siblings=st.lists(sessions(), max_size=2),
    booked=st.lists(others(), max_size=12),
    at=st.none() | st.integers(0, 1300),
    is_overcommitted=st.booleans(),
)
def test_each_bound_can_be_had_and_not_one_more(
    mine: Terms,
    siblings: list[Terms],
    booked: list[list[Booking]],
    at: int | None,
    is_overcommitted: bool,  # noqa: FBT001 - named by @given
) -> None:
    siblings = siblings if at is None else []
    own = envelope(needs(one) for one in (mine, *siblings))
    calendar = Calendar(CAPABILITY.capacity)
    with_own = Calendar(CAPABILITY.capacity, own)
    for booking in (one for found in booked for one in found):
        if is_overcommitted or with_own.fits([booking]):
            calendar.add(booking)
            with_own.add(booking)

    def rest(new: list[Booking]) -> list[Booking]:
        if at is not None:
            return ahead(new, at)
        return envelope(map(stretches, [new, *map(bookings, siblings)]))

    phase = SessionPhase.OFFERED if at is None else SessionPhase.RUNNING
    possible = changeable(phase, mine, CAPABILITY, 0, room(mine, calendar, at))
    assert {one.name for one in possible} == {DURATION, CORES, MEMORY, *mine.amounts}
    for one in possible:
        assert one.now <= one.max <= one.limit
        assert is_accepted(mine, one, one.max, with_own, own, rest), one
        if not (is_overcommitted and siblings):  # under what these hold, it might go unnoticed
            assert not is_accepted(mine, one, one.max + 1, with_own, own, rest), one


def test_where_too_much_is_booked_no_amount_grows_and_time_does() -> None:
    terms = builders.terms(duration=600, cores=2, memory=4, amounts={"gpus": 1})
    end = terms.latest + terms.duration
    others = [
        Booking({name: CAPABILITY.capacity[name]}, terms.start, terms.start + 1)
        for name in (CORES, MEMORY, "gpus")
    ]
    full = Calendar(CAPABILITY.capacity, [*others, Booking({MEMORY: 9}, end + 300, end + 301)])
    possible = changeable(SessionPhase.OFFERED, terms, CAPABILITY, 0, room(terms, full))
    most = {one.name: one.max for one in possible}
    after = terms.compute_release
    assert most == {DURATION: terms.duration + 300 - after, CORES: 2, MEMORY: 4, "gpus": 1}


def test_growth_is_what_is_needed_more() -> None:
    before = [Booking({CORES: 2}, 0, 10), Booking({CORES: 1, MEMORY: 3}, 5, 20)]
    after = [Booking({CORES: 3, MEMORY: 1}, 2, 30)]
    assert growth(before, after) == [
        Stretch(CORES, 2, 5, 1),
        Stretch(CORES, 10, 20, 2),
        Stretch(CORES, 20, 30, 3),
        Stretch(MEMORY, 2, 5, 1),
        Stretch(MEMORY, 20, 30, 1),
    ]
    assert growth(after, after) == []
