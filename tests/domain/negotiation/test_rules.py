"""The rules of negotiation, in small random worlds, against an oracle that tries everything."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import permutations

import msgspec
import pytest
from hypothesis import assume, event, given, settings

from execution_broker.domain import messages
from execution_broker.domain.amounts import Booking
from execution_broker.domain.calendar import Calendar, envelope
from execution_broker.domain.demand import Demand
from execution_broker.domain.iso8601 import (
    read_duration,
    read_instant,
    write_duration,
    write_instant,
)
from execution_broker.domain.negotiation import Site, negotiate
from execution_broker.domain.offer import No, Offer, Yes
from execution_broker.domain.reserving import bookings, fix, needs
from execution_broker.models.message import Message
from tests.domain import builders
from tests.domain.builders import NOW, follow, has_remedy
from tests.domain.negotiation.oracle import Oracle
from tests.domain.negotiation.worlds import RULES, Mood, World, worlds

START = "schedule.requested.start"
NO_CAPACITY = messages.NO_CAPACITY.kind
NOT_ENOUGH_TIME = messages.NOT_ENOUGH_TIME.kind
MANY = settings(max_examples=min(80, settings().max_examples), deadline=None)


def answer(world: World) -> tuple[Demand, Yes | No]:
    demand = builders.demand(world.request)
    return demand, negotiate(demand, world.sites, RULES, NOW)


@MANY
@given(worlds(Mood.TIGHT) | worlds(Mood.ROOMY))
def test_yes_exactly_where_trying_everything_finds_a_way(world: World) -> None:
    demand, verdict = answer(world)
    (site,) = world.sites
    oracle = Oracle(demand, site, world.booked[site.name])
    anyhow, held = oracle.earliest(full_hold=False), oracle.earliest(full_hold=True)
    event(f"yes: {isinstance(verdict, Yes)}")
    assert isinstance(verdict, Yes) == (anyhow is not None)
    if isinstance(verdict, Yes):
        assert verdict.offers[0].terms.start == (held or anyhow)


@MANY
@given(worlds(Mood.TIGHT, sites=2))
def test_without_suggestions_the_answer_is_the_same_but_for_them(world: World) -> None:
    demand, verdict = answer(world)
    brief = negotiate(demand, world.sites, msgspec.structs.replace(RULES, suggests=False), NOW)
    if isinstance(verdict, Yes):
        assert brief == verdict
        return
    assert isinstance(brief, No)
    assert {one.kind for one in brief.messages} == {one.kind for one in verdict.messages}
    refused = [one for one in brief.messages if one.kind == NO_CAPACITY]
    assert all("path" not in one.values for one in refused)


@MANY
@given(worlds(Mood.ROOMY, sites=2))
def test_every_offer_keeps_every_promise(world: World) -> None:
    demand, verdict = answer(world)
    assume(isinstance(verdict, Yes))
    assert isinstance(verdict, Yes)
    oracles = {site.name: Oracle(demand, site, world.booked[site.name]) for site in world.sites}
    for offer in verdict.offers:
        assert oracles[offer.platform].faults(offer) == []
        assert verdict.plans[offer.platform] == oracles[offer.platform].plan
        check_accepting(offer)
    assert verdict.plans.keys() == {offer.platform for offer in verdict.offers}
    for site in world.sites:
        siblings = [needs(offer.terms) for offer in verdict.offers if offer.platform == site.name]
        assert fits_beside(site.calendar, envelope(siblings))
    check_choice(verdict.offers)
    event(f"offers: {len(verdict.offers)}")


def check_accepting(offer: Offer) -> None:
    """Accepting at any moment of the hold fixes the start, and books no more than was held."""
    for accepted in (NOW, offer.expires):
        fixed = fix(offer.terms, accepted)
        assert fixed.start == fixed.latest
        assert accepted + fixed.prepare <= fixed.start <= offer.terms.latest
        for held, kept in zip(bookings(offer.terms), bookings(fixed), strict=True):
            assert held.start <= kept.start
            assert kept.end <= held.end
            assert held.amounts == kept.amounts


def check_choice(offers: Sequence[Offer]) -> None:
    """Few enough, the earliest first, all different, each with something in its favour."""
    starts = [offer.terms.start for offer in offers]
    assert starts == sorted(starts)
    assert 1 <= len(offers) <= RULES.offers
    for one, other in permutations(offers, 2):
        assert (one.platform, one.terms) != (other.platform, other.terms)
        assert not is_better(one, other)


def is_better(one: Offer, other: Offer) -> bool:
    """In no respect worse and in one better, at the same start and quoted in the same types."""

    def respects(offer: Offer) -> dict[str, float]:
        return (
            {"cores": offer.terms.cores, "memory": offer.terms.memory}
            | offer.terms.amounts
            | {f"storage {i}": size for i, size in enumerate(offer.terms.storage)}
            | {f"cost {c.type}": -(c.max or 0) for c in offer.costs["session"]}
            | {f"metric {m.type}": m.min or 0 for m in offer.metrics["session"]}
        )

    ours, theirs = respects(one), respects(other)
    return (
        one.terms.start == other.terms.start
        and ours.keys() == theirs.keys()
        and all(ours[key] >= theirs[key] for key in ours)
        and ours != theirs
    )


def fits_beside(calendar: Calendar, booked: Sequence[Booking]) -> bool:
    return all(
        amount == 0 or calendar.peak(name, b.start, b.end) + amount <= calendar.capacity[name]
        for b in booked
        for name, amount in b.amounts.items()
    )


@MANY
@given(worlds(Mood.TIGHT))
def test_following_the_suggestions_of_a_no_makes_a_yes(world: World) -> None:
    _, verdict = answer(world)
    assume(isinstance(verdict, No))
    assert isinstance(verdict, No)
    assert verdict.messages
    assume(all(has_remedy(message) for message in verdict.messages))
    for way in ways_out(verdict.messages):
        changed = builders.demand(follow(world.request, way))
        better = negotiate(changed, world.sites, RULES, NOW)
        assert isinstance(better, Yes), [m.message for m in way]
        if NO_CAPACITY in {m.kind for m in way} or START in {m.values["path"] for m in way}:
            check_patience(changed, world.sites, way)
    event(f"faults: {len(verdict.messages)}")


def check_patience(changed: Demand, sites: Sequence[Site], way: Sequence[Message]) -> None:
    """What was suggested may be followed a little later too, unless the window closes meanwhile:
    no suggestion but that of another window is about that."""
    for second in range(1, RULES.patience + 1):
        still = negotiate(changed, sites, RULES, NOW + second)
        if isinstance(still, No):
            assert START not in {message.values["path"] for message in way}
            assert {message.kind for message in still.messages} == {NOT_ENOUGH_TIME}


def ways_out(faults: Sequence[Message]) -> list[list[Message]]:
    """All suggestions together; and with each single one of those that make room."""
    room = [message for message in faults if message.kind == NO_CAPACITY]
    others = [message for message in faults if message not in room]
    return [list(faults), *([*others, message] for message in room)]


@MANY
@given(worlds(Mood.TIGHT))
def test_no_suggestion_asks_for_more_than_it_must(world: World) -> None:
    """One step less than a single one of the suggestions, and the answer is a No before long.

    Beside less of something only that is judged: fewer cores, say, are cheaper as well, and what
    is said of the cost is said of what was asked for.
    """
    _, verdict = answer(world)
    assume(isinstance(verdict, No))
    assert isinstance(verdict, No)
    assume(all(has_remedy(message) for message in verdict.messages))
    patience_ends = NOW + RULES.patience
    for way in ways_out(verdict.messages):
        paths = [message.values["path"] for message in way]
        if len(set(paths)) < len(paths) or [m.kind for m in way].count(NO_CAPACITY) > 1:
            continue
        is_less = any(m.kind == NO_CAPACITY and m.values["path"] != START for m in way)
        for index, message in enumerate(way):
            if is_less and message.kind != NO_CAPACITY:
                continue
            nearly = [*way[:index], *one_step_less(message), *way[index + 1 :]]
            found = builders.resolved(follow(world.request, nearly))
            if len(nearly) == len(way) and isinstance(found, Demand):
                event(message.kind)
                assert isinstance(negotiate(found, world.sites, RULES, patience_ends), No)


def one_step_less(message: Message) -> list[Message]:
    """The suggestion, not quite followed; nothing for those that cannot be followed in part."""
    path, to = message.values["path"], message.values.get("to", "")
    match path.rpartition(".")[2]:
        case "start":
            start, _, end = to.partition("/")
            earlier = read_instant(end) - timedelta(seconds=1)
            less = f"{start}/{write_instant(earlier)}"
        case "duration":
            less = write_duration(read_duration(to) + timedelta(seconds=1))
        case ("min" | "max") as side if "[" in path and "storage" not in path:
            step = 0.001 if side == "min" else -0.001
            less = str(float(to) + step) if to else ""
        case _ if not to:
            less = ""
        case _:
            less = str(int(to) + (1 if int(message.values["from"]) > int(to) else -1))
    values = message.values | {"to": less}
    return [msgspec.structs.replace(message, values=values)] if less else []


@pytest.mark.parametrize("offers", [1, 2])
def test_no_more_offers_than_wanted(offers: int) -> None:
    rules = msgspec.structs.replace(RULES, offers=offers)
    demand = builders.demand(builders.body(compute=builders.compute(cores={"min": 1, "max": 4})))
    verdict = negotiate(demand, [builders.site()], rules, NOW)
    assert isinstance(verdict, Yes)
    assert len(verdict.offers) == offers
