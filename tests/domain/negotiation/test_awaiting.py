"""An earlier start that only unanswered offers hold: when it can be had, and what for."""

from collections.abc import Sequence
from typing import Any

import msgspec
from hypothesis import event, given
from hypothesis import strategies as st

from execution_broker.domain.amounts import CORES, MEMORY, Booking
from execution_broker.domain.calendar import Calendar
from execution_broker.domain.iso8601 import write_epochs
from execution_broker.domain.messages import NO_CAPACITY
from execution_broker.domain.negotiation import Hold, Rules, Site, Unanswered, negotiate
from execution_broker.domain.offer import No, Verdict, Yes
from tests.domain import builders
from tests.domain.builders import EXAMPLES, NOW, body, compute, demand, requested
from tests.domain.negotiation.worlds import RULES, Mood, World, worlds

HOUR = 3600
PREPARE = 10
USUAL = Rules()


def with_holds(site: Site, *holds: Hold, booked: Sequence[Booking] = ()) -> Site:
    """The site with what is booked, and with this held beside it."""
    capacity = site.calendar.capacity
    calendar = Calendar(capacity, [*booked, *(one.booking for one in holds)])
    unanswered = Unanswered(Calendar(capacity, booked), lambda: holds)
    return msgspec.structs.replace(site, calendar=calendar, unanswered=unanswered)


def hold(
    cores: int, start: int, end: int, *, expires: int, answer: int = 1, is_own: bool = False
) -> Hold:
    return Hold(answer, is_own, NOW + expires, Booking({CORES: cores}, NOW + start, NOW + end))


def ask(request: dict[str, Any], *sites: Site, rules: Rules = USUAL, now: int = NOW) -> Verdict:
    return negotiate(demand(request), sites, rules, now)


FULL = body(compute=compute(cores={"min": 8}), schedule=requested(duration="PT1M"))


def test_what_oneself_holds_could_be_rejected_at_once() -> None:
    mine = hold(8, 0, HOUR, expires=200, answer=7, is_own=True)
    verdict = ask(FULL, with_holds(builders.site(), mine))
    assert isinstance(verdict, Yes)
    assert verdict.offers[0].terms.start > NOW + HOUR
    assert verdict.awaited is not None
    assert (verdict.awaited.start, verdict.awaited.until) == (NOW + PREPARE, NOW + 200)
    assert (verdict.awaited.own, verdict.awaited.by_others) == (frozenset({7}), False)


def test_what_others_hold_can_be_had_when_it_has_lapsed() -> None:
    theirs = hold(8, 0, HOUR, expires=200)
    verdict = ask(FULL, with_holds(builders.site(), theirs))
    assert isinstance(verdict, Yes)
    assert verdict.awaited is not None
    assert (verdict.awaited.start, verdict.awaited.until) == (NOW + 200 + PREPARE, NOW + 200)
    assert (verdict.awaited.own, verdict.awaited.by_others) == (frozenset(), True)


def test_as_soon_as_enough_has_lapsed_it_can_be_had() -> None:
    request = body(compute=compute(cores={"min": 4}), schedule=requested(duration="PT1M"))
    holds = (
        hold(4, 0, HOUR, expires=200, answer=1),
        hold(4, 0, HOUR, expires=100, answer=2, is_own=True),
    )
    verdict = ask(request, with_holds(builders.site(), *holds))
    assert isinstance(verdict, Yes)
    assert verdict.awaited is not None
    assert (verdict.awaited.until, verdict.awaited.own) == (NOW + 100, frozenset({2}))
    assert not verdict.awaited.by_others


def test_a_no_for_want_of_room_tells_what_is_only_held() -> None:
    window = requested(start=write_epochs(NOW, NOW + HOUR), duration="PT1M")
    request = body(compute=compute(cores={"min": 8}), schedule=window)
    mine = hold(8, 0, 2 * HOUR, expires=200, answer=7, is_own=True)
    verdict = ask(request, with_holds(builders.site(), mine))
    assert isinstance(verdict, No)
    assert verdict.awaited is not None
    assert verdict.awaited.own == {7}
    theirs = hold(8, 0, 2 * HOUR, expires=2 * HOUR)
    verdict = ask(request, with_holds(builders.site(), theirs))
    assert isinstance(verdict, No)
    assert verdict.awaited is None, "the window has closed by then"


def test_nothing_is_told_of_what_is_booked_or_not_in_the_way() -> None:
    request = body(compute=compute(cores={"min": 4}), schedule=requested(duration="PT1M"))
    beside = hold(4, 0, HOUR, expires=200, is_own=True)
    assert ask(request, with_holds(builders.site(), beside)).awaited is None
    booked = Booking({CORES: 5}, NOW, NOW + 300)
    after = hold(4, 400, HOUR, expires=200, is_own=True)
    assert ask(request, with_holds(builders.site(), after, booked=[booked])).awaited is None


@st.composite
def held_worlds(draw: st.DrawFn) -> World:
    """Small worlds in which some of what is booked is held, most of it where it is in the way."""
    world = draw(worlds(Mood.TIGHT, sites=draw(st.integers(1, 2))) | worlds(Mood.ROOMY))
    sites = []
    for site in world.sites:
        beside: list[Hold] = []
        calendar = Calendar(site.calendar.capacity, world.booked[site.name])
        for one in draw(st.lists(_holds(site), min_size=1, max_size=4)):
            if calendar.fits([one.booking]):  # never more than there is (B1)
                calendar.add(one.booking)
                beside.append(one)
        sites.append(with_holds(site, *beside, booked=world.booked[site.name]))
    return World(world.request, sites, world.booked)


@st.composite
def _holds(draw: st.DrawFn, site: Site) -> Hold:
    name = draw(st.sampled_from([CORES, CORES, MEMORY]))
    most = site.calendar.capacity[name]
    amount = draw(st.sampled_from([most, most, max(1, most // 2), 1]))
    start = NOW + draw(st.integers(-5, 10))
    booking = Booking({name: amount}, start, start + draw(st.integers(1, 60)))
    answer = draw(st.integers(0, 3))
    return Hold(answer, answer < 2, NOW + draw(st.integers(1, RULES.hold)), booking)


@EXAMPLES
@given(held_worlds())
def test_what_is_told_is_what_one_gets(world: World) -> None:
    """Without one's own holds, or asked again when the others have lapsed, there is that start."""
    found = ask(world.request, *world.sites, rules=RULES)
    here = found.awaited
    event(f"{type(found).__name__}, held by {here and ('others' if here.by_others else 'oneself')}")
    if here is None:
        return
    (site,) = (one for one in world.sites if one.name == here.platform)
    assert site.unanswered is not None
    holds = list(site.unanswered.holds())
    assert here.own <= {one.offerset for one in holds if one.is_own}
    if here.by_others:
        left, now = [one for one in holds if one.expires > here.until], here.until
    else:
        left, now = [one for one in holds if not one.is_own], NOW
    then = with_holds(site, *left, booked=world.booked[site.name])
    better = ask(world.request, then, rules=RULES, now=now)
    if isinstance(found, Yes):
        assert here.start < found.offers[0].terms.start
    if isinstance(found, Yes) or {one.kind for one in found.messages} == {NO_CAPACITY.kind}:
        assert isinstance(better, Yes)
    if isinstance(better, Yes):
        assert better.offers[0].terms.start == here.start


@EXAMPLES
@given(held_worlds())
def test_to_look_what_is_held_changes_no_calendar(world: World) -> None:
    before = [heights(site) for site in world.sites]
    ask(world.request, *world.sites, rules=RULES)
    assert [heights(site) for site in world.sites] == before


def heights(site: Site) -> Sequence[list[int]]:
    calendar = site.calendar
    return [
        [calendar.peak(name, NOW + second, NOW + second + 1) for second in range(-60, 400)]
        for name in calendar.capacity
    ]
