"""A NO names every fault of a request, wherever it is, and all that it suggests is one YES."""

import copy
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import assume, event, given
from hypothesis import strategies as st

from execution_broker.domain import messages
from execution_broker.domain.capability import Limits
from execution_broker.domain.iso8601 import write_epoch, write_epochs
from execution_broker.domain.negotiation import Rules, Site, negotiate
from execution_broker.domain.offer import No, Verdict, Yes
from execution_broker.domain.resolve import Defaults, resolve
from execution_broker.domain.suggesting import suggestion_of
from execution_broker.models import kinds
from execution_broker.models.message import Message
from execution_broker.models.reading import read_request
from tests.domain.builders import (
    EXAMPLES,
    NOW,
    body,
    compute,
    cost,
    data,
    follow,
    has_remedy,
    metric,
    requested,
    site,
    storage,
    volume,
)
from tests.domain.negotiation.worlds import RULES, Mood, World, rich_worlds, worlds

START = "schedule.requested.start"
TIME_AND_ROOM = {messages.NOT_ENOUGH_TIME.kind, messages.NO_CAPACITY.kind}


def answer(
    request: Mapping[str, Any], sites: Sequence[Site], rules: Rules = RULES, now: int = NOW
) -> Verdict:
    """What the service does with a body."""
    reading = read_request(request)
    assert not reading.faults, reading.faults
    assert not reading.unknown, reading.unknown
    demand, faults, _ = resolve(reading.request, Defaults(), now)
    assert demand is not None
    return negotiate(demand, sites, rules, now, faults=faults)


def starts(now: int) -> st.SearchStrategy[str]:
    """Windows that are over, close at once, have no whole second, or are none."""
    near = st.integers(now - 40, now + 40)
    instants = st.builds(
        lambda at, part: f"{write_epoch(at)[:-1]}.{part}Z", near, st.integers(1, 9)
    )
    return st.one_of(
        st.builds(lambda at, length: write_epochs(at - length, at), near, st.integers(0, 50)),
        st.builds(lambda at: f"{at[:-1]}0Z/PT0.05S", instants),
        st.builds(lambda at: f"{at}/{at}", instants),
        st.builds(lambda at, length: f"{write_epoch(at)}/{length}", near, st.just("P1M")),
        st.builds(write_epoch, near),
        st.sampled_from(["whenever", "2020-01-01", "../2020-01-01", "2200-01-01/P1D", "/", ".."]),
    )


def with_start(request: Mapping[str, Any], start: str) -> dict[str, Any]:
    item = {**request["schedule"]["requested"], "start": start}
    return {**request, "schedule": {"requested": item}}


@st.composite
def broken_worlds(draw: st.DrawFn) -> World:
    """Small worlds with one to three sites, and now and then a window that cannot be."""
    plain = worlds(Mood.TIGHT, sites=draw(st.integers(1, 3)))
    world = draw(plain | rich_worlds(Mood.TIGHT))
    start = draw(st.none() | starts(world.now))
    request = world.request if start is None else with_start(world.request, start)
    return World(request, world.sites, world.booked, world.now)


@EXAMPLES
@given(broken_worlds())
def test_all_suggestions_together_are_a_yes_wherever_one_site_could_say_it(world: World) -> None:
    found = answer(world.request, world.sites, now=world.now)
    assume(isinstance(found, No))
    assert isinstance(found, No)
    suggested = [one for one in map(suggestion_of, found.messages) if one]
    assert len({(one.path, one.to, one.now) for one in suggested}) == len(
        {one.path for one in suggested}
    )
    alone = [answer(world.request, [one], now=world.now) for one in world.sites]
    assert not any(isinstance(one, Yes) for one in alone)
    is_clear = any(is_full_of_remedies(one) for one in alone)
    event(f"a way: {is_clear}, sites: {len(world.sites)}, suggested: {len(suggested)}")
    if is_clear:
        better = answer(follow(world.request, found.messages), world.sites, now=world.now)
        assert isinstance(better, Yes), better.messages


def is_full_of_remedies(verdict: Verdict) -> bool:
    return isinstance(verdict, No) and all(map(has_remedy, verdict.messages))


@EXAMPLES
@given(broken_worlds())
def test_no_suggestion_is_empty_or_leads_to_the_same_no(world: World) -> None:
    found = answer(world.request, world.sites, now=world.now)
    assume(isinstance(found, No))
    assert isinstance(found, No)
    for message in filter(has_remedy, found.messages):
        assert message.values.get("to", "left out") != ""
        after = answer(follow(world.request, [message]), world.sites, now=world.now)
        if isinstance(after, No):
            assert message not in after.messages


@EXAMPLES
@given(worlds(Mood.TIGHT, sites=2), starts(NOW))
def test_a_window_that_cannot_be_hides_no_other_fault(world: World, start: str) -> None:
    before = answer(world.request, world.sites)
    after = answer(with_start(world.request, start), world.sites)
    others = {what(m) for m in faults_of(before) if m.kind not in TIME_AND_ROOM}
    assume(others)
    assume(not any(m.kind in TIME_AND_ROOM for m in faults_of(before)))
    assert others <= {what(message) for message in faults_of(after)}


def faults_of(verdict: Verdict) -> tuple[Message, ...]:
    return verdict.messages if isinstance(verdict, No) else ()


def what(message: Message) -> tuple[str, str | None]:
    return message.kind, message.values.get("path")


Plant = Callable[[dict[str, Any]], None]
USUAL = Rules()
SCHEDULE = ("schedule", "requested")

HERE = site(limits=Limits(cores=4, memory=16, storage=50, duration=7200))
THERE = site("there", limits=Limits(cores=2, memory=8, storage=20, duration=3600))


def healthy() -> dict[str, Any]:
    """A request that every site here can meet, with something of everything."""
    return body(
        compute=compute(
            cores={"min": 1}, memory={"min": 1}, volumes=[volume("/a", "s"), volume("/b", "d")]
        ),
        storage=[storage("s", size={"min": 1}), storage("t", size={"min": 2, "max": 3})],
        data=[data("d", storage="s", checks={"size": 1}), data("e", storage="t")],
        schedule=requested(start=write_epochs(NOW, NOW + 86400), duration="PT1H"),
        costs=[cost(kinds.COST_MONETARY, max=100)],
        metrics=[metric(kinds.METRIC_COMPUTE, min=0.5)],
    )


def plant(*steps: str | int, value: Any) -> Plant:
    def change(request: dict[str, Any]) -> None:
        *parents, last = steps
        target: Any = request
        for step in parents:
            target = target[step]
        target[last] = value

    return change


PLANTS: list[tuple[str, Plant]] = [
    ("compute.cores.min", plant("compute", "cores", "min", value=5)),
    ("compute.cores.min", plant("compute", "cores", "min", value=0)),
    ("compute.memory.min", plant("compute", "memory", value={"min": 20, "max": 30})),
    ("compute.memory.max", plant("compute", "memory", value={"min": 2, "max": -1})),
    ("storage[0].size.min", plant("storage", 0, "size", value={"min": 60})),
    ("storage[1].size.max", plant("storage", 1, "size", value={"min": 2, "max": 1})),
    ("data[0].storage", plant("data", 0, "storage", value="nowhere")),
    ("data[1].checks.sha256", plant("data", 1, "checks", value={"sha256": "xyz"})),
    ("data[1].checks.size", plant("data", 1, "checks", value={"size": -1})),
    (START, plant(*SCHEDULE, "start", value=write_epochs(NOW - 9, NOW - 1))),
    (START, plant(*SCHEDULE, "start", value="2027-02-01T00:00:00.2Z/PT0.5S")),
    (START, plant(*SCHEDULE, "start", value=write_epochs(NOW, NOW + 5))),
    ("schedule.requested.duration", plant(*SCHEDULE, "duration", value="P1M")),
    ("schedule.requested.duration", plant(*SCHEDULE, "duration", value="PT9H")),
    ("costs[0].max", plant("costs", 0, value=cost("urn:x", max=1))),
    ("costs[0].max", plant("costs", 0, value=cost(kinds.COST_MONETARY, min=9, max=-3))),
    ("metrics[0].min", plant("metrics", 0, value=metric(kinds.METRIC_THROUGHPUT, min=1))),
    ("metrics[0].min", plant("metrics", 0, value=metric(kinds.METRIC_COMPUTE, min=99))),
]
WITHOUT_REMEDY: list[tuple[str, Plant]] = [
    ("compute.volumes[0].path", plant("compute", "volumes", 0, "path", value="/a/../b")),
    ("compute.volumes[1].resource", plant("compute", "volumes", 1, "resource", value="nothing")),
    ("data[1].location", plant("data", 1, "location", value=None)),
]


def range_of(path: str) -> str:
    """What is planted as a whole."""
    return re.sub(r"\.(min|max|size|sha256)$", "", path)


def planted(*chosen: tuple[str, Plant]) -> dict[str, Any]:
    request = copy.deepcopy(healthy())
    for _, change in chosen:
        change(request)
    return request


@EXAMPLES
@given(
    st.lists(st.sampled_from(PLANTS), min_size=1, unique_by=lambda one: range_of(one[0])),
    st.lists(st.sampled_from(WITHOUT_REMEDY), max_size=2),
    st.sampled_from([[HERE], [THERE], [HERE, THERE], [THERE, HERE]]),
)
def test_every_fault_is_told_at_once(
    faults: list[tuple[str, Plant]], hopeless: list[tuple[str, Plant]], sites: list[Site]
) -> None:
    assert isinstance(answer(healthy(), sites, USUAL), Yes)
    request = planted(*faults, *hopeless)
    found = answer(request, sites, USUAL)
    told = {message.values.get("path") for message in faults_of(found)}
    is_timeless = "data[1].location" in {path for path, _ in hopeless}
    assert {path for path, _ in (*faults, *hopeless)} - ({START} if is_timeless else set()) <= told
    if not hopeless:
        better = answer(follow(request, faults_of(found)), sites, USUAL)
        assert isinstance(better, Yes), better.messages


@pytest.mark.parametrize(("sites", "cores"), [([HERE, THERE], "4"), ([THERE, HERE], "4")])
def test_what_is_suggested_leads_to_the_nearest_site(sites: list[Site], cores: str) -> None:
    request = planted(("", plant("compute", "cores", "min", value=9)))
    near, far = faults_of(answer(request, sites, USUAL))
    assert suggestion_of(near) == ("compute.cores.min", cores, "9")
    assert suggestion_of(far) is None
    assert far.values["path"] == "compute.cores.min"
    assert far.values["platform"] == "there"
