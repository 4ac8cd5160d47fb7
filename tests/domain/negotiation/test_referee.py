"""What is offered and what is refused, against a referee that shares nothing with what it judges:
flavours, caps, policies, bounds, prices by the hour, several resources, one or two sites."""

import os

import pytest
from hypothesis import assume, event, given, settings

from execution_broker.domain.negotiation import negotiate
from execution_broker.domain.offer import No, Yes
from tests.domain import builders
from tests.domain.builders import follow, has_remedy
from tests.domain.negotiation.referee import Referee
from tests.domain.negotiation.worlds import RULES, Mood, World, rich_worlds

SOME = builders.EXAMPLES
MANY = settings(max_examples=int(os.environ.get("BROKER_TEST_WORLDS", "3000")), deadline=None)
ALL = rich_worlds(Mood.TIGHT) | rich_worlds(Mood.ROOMY)


def referees(world: World) -> dict[str, Referee]:
    return {
        site.name: Referee(
            world.request, site.capability, world.booked[site.name], RULES, world.now
        )
        for site in world.sites
    }


def answer(world: World) -> Yes | No:
    demand = builders.demand(world.request, world.now)
    return negotiate(demand, world.sites, RULES, world.now)


def check(world: World) -> None:
    """NO exactly where nothing can be found; every offer is one that the referee could have found;
    and what a NO suggests leads to where something is found."""
    verdict, judges = answer(world), referees(world)
    event(type(verdict).__name__)
    if isinstance(verdict, Yes):
        for offer in verdict.offers:
            assert judges[offer.platform].objections(offer) == []
        for name, judge in judges.items():
            assert judge.keeps_to_the_share([o for o in verdict.offers[1:] if o.platform == name])
        return
    assert [name for name, one in judges.items() if one.finds_a_way()] == []
    assert verdict.messages
    if len(world.sites) == 1 and all(has_remedy(message) for message in verdict.messages):
        event("suggestions")
        better = World(
            follow(world.request, verdict.messages), world.sites, world.booked, world.now
        )
        assert any(one.finds_a_way() for one in referees(better).values())


@SOME
@given(ALL)
def test_the_referee_agrees(world: World) -> None:
    check(world)


@pytest.mark.soak
@MANY
@given(ALL)
def test_the_referee_agrees_in_many_worlds(world: World) -> None:
    check(world)


@SOME
@given(rich_worlds(Mood.ROOMY))
def test_the_referee_would_notice(world: World) -> None:
    """An offer that is one second too long, or of one core too many, is objected to."""
    verdict, judges = answer(world), referees(world)
    assume(isinstance(verdict, Yes))
    assert isinstance(verdict, Yes)
    for offer in verdict.offers:
        judge = judges[offer.platform]
        judge.duration += 1
        assert "another duration" in judge.objections(offer)
        judge.duration -= 1
        judge.now += RULES.hold + 1
        assert judge.objections(offer) != []
        judge.now -= RULES.hold + 1
