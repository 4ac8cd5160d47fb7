"""One request to many brokers: what is believed of the answers, and what each gives for what."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution_broker.client.comparing import (
    Bid,
    Bounds,
    Broker,
    Comparison,
    compare,
    compare_all,
    let_go_of,
    trade,
)
from execution_broker.client.comparing.asking import _judged
from execution_broker.client.comparing.choosing import dominates, in_order
from execution_broker.client.comparing.judging import wanted_of
from execution_broker.client.decoding import read_offerset
from execution_broker.client.errors import BadAddress, UnexpectedReply
from execution_broker.models import kinds
from execution_broker.models.phases import SessionPhase
from tests.client.hostile import HOSTILE, behaving
from tests.client.hosting import Host

NOW = datetime(2027, 1, 1, tzinfo=UTC)
REQUEST: dict[str, Any] = {
    "executable": {"kind": kinds.JUPYTER_NOTEBOOK, "location": "https://example.org/x.ipynb"},
    "compute": {"kind": kinds.SIMPLE_COMPUTE, "cores": {"min": 2, "max": 8}},
    "schedule": {"requested": {"start": "2027-01-01T00:00:00Z/PT6H", "duration": "PT1H"}},
    "costs": [{"kind": kinds.MINMAX_COST, "type": kinds.COST_MONETARY, "max": 10}],
}


def offered(**changes: Any) -> dict[str, Any]:
    """An offer as it is on the wire, good for REQUEST but for the changes."""
    good: dict[str, Any] = {
        "kind": kinds.SCHEDULED_SESSION,
        "meta": {"uuid": str(uuid4())},
        "phase": "OFFERED",
        "expires": "2027-01-01T00:05:00Z",
        "compute": {"kind": kinds.SIMPLE_COMPUTE, "cores": {"min": 2, "max": 2}},
        "schedule": {"available": {"start": "2027-01-01T01:00:00Z/PT1M", "duration": "PT1H"}},
        "costs": [{"kind": kinds.MINMAX_COST, "type": kinds.COST_MONETARY, "min": 1, "max": 2}],
    }
    return {**good, **changes}


def judged(offers: Any, result: str = "YES") -> tuple[list[Bid], list[str]]:
    values = {"kind": kinds.OFFERSET, "result": result, "offers": offers}
    answer = read_offerset(values, lambda _: None)
    bids, refusals = _judged("x", answer, wanted_of(REQUEST, NOW), NOW)
    return bids, [refusal.reason for refusal in refusals]


def span(start: str, duration: str = "PT1H") -> dict[str, Any]:
    return {"available": {"start": start, "duration": duration}}


def priced(low: float, high: float, type_: str = kinds.COST_MONETARY) -> list[dict[str, Any]]:
    return [{"kind": kinds.MINMAX_COST, "type": type_, "min": low, "max": high}]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"phase": "ACCEPTED"}, "not OFFERED"),
        ({"meta": {}}, "no UUID"),
        ({"meta": {"uuid": "../../admin"}}, "no UUID"),
        ({"expires": None}, "when it expires"),
        ({"expires": "2026-12-31T00:00:00Z"}, "expired already"),
        ({"schedule": None}, "when it starts"),
        ({"schedule": span("yesterday/now")}, "cannot be read"),
        ({"schedule": span("2027-01-01T01:00:00Z/..")}, "at the latest"),
        ({"schedule": span("2027-01-01T01:00:00Z/PT1M", "P1M")}, "cannot be read"),
        ({"schedule": span("2026-12-31T23:00:00Z/PT1M")}, "before the window"),
        ({"schedule": span("2027-01-01T05:59:00Z/PT2M")}, "after the window"),
        ({"schedule": span("2027-01-01T06:00:00Z/2027-01-01T06:00:00Z")}, "after the window"),
        ({"schedule": span("2027-01-01T01:00:00Z/PT1M", "PT59M")}, "shorter"),
        ({"compute": None}, "less cores"),
        ({"compute": {"kind": kinds.SIMPLE_COMPUTE, "cores": {"min": 1}}}, "less cores"),
        ({"compute": {"kind": kinds.SIMPLE_COMPUTE, "cores": {"min": 9}}}, "more cores"),
        ({"compute": {"kind": kinds.SIMPLE_COMPUTE, "cores": {"min": 4, "max": 2}}}, "no sense"),
        ({"compute": {"kind": kinds.SIMPLE_COMPUTE, "cores": {"min": -4}}}, "no sense"),
        ({"costs": []}, "more monetary"),
        ({"costs": priced(1, 11)}, "more monetary"),
        ({"costs": priced(2, 1)}, "no sense"),
        ({"costs": priced(1, 2) + priced(3, 4)}, "no sense"),
    ],
)
def test_an_offer_that_was_not_asked_for_is_left_out(changes: dict[str, Any], reason: str) -> None:
    bids, reasons = judged([offered(**changes), offered()])
    assert len(bids) == 1
    assert reason in reasons[0]


def test_an_offer_is_counted_once_and_not_too_many_are() -> None:
    twice = offered()
    bids, reasons = judged([twice, twice])
    assert (len(bids), len(reasons)) == (1, 1)
    assert len(judged([offered() for _ in range(1000)])[0]) == 16


def test_a_no_is_a_no() -> None:
    assert judged([], "NO") == ([], ["It gives no reason."])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    ["meta", "phase", "expires", "compute", "storage", "schedule", "costs", "metrics", "kind"]
)


@given(st.lists(st.dictionaries(FIELDS, JSON, max_size=4), max_size=4))
def test_whatever_is_answered_the_others_are_not_poisoned(changes: list[dict[str, Any]]) -> None:
    """Any values at all in an answer: it is read, or it is refused as a whole or in part."""
    try:
        bids, reasons = judged([offered(**change) for change in changes])
    except UnexpectedReply:
        return
    assert len(bids) + len(reasons) == max(1, len(changes))
    for bid in bids:
        assert NOW <= bid.start < NOW + timedelta(hours=6)
        assert bid.duration >= 3600
        assert 2 <= bid.cores <= 8
        assert bid.costs[kinds.COST_MONETARY].max <= 10


BIDS = st.builds(
    lambda start, wide, cores, price, low, duration: Bid(
        broker="x",
        uuid=uuid4(),
        start=NOW + timedelta(minutes=start),
        latest=NOW + timedelta(minutes=start + wide),
        duration=3600 * duration,
        expires=NOW + timedelta(minutes=5),
        cores=cores,
        memory=1,
        storage=0,
        costs={} if price is None else {kinds.COST_MONETARY: Bounds(low, low + price)},
        metrics={},
    ),
    st.integers(0, 3),
    st.integers(0, 1),
    st.integers(1, 3),
    st.none() | st.integers(0, 3),
    st.integers(0, 1),
    st.integers(1, 2),
)


@given(st.lists(BIDS, max_size=8))
def test_what_is_marked_is_what_nobody_would_take(bids: list[Bid]) -> None:
    ordered = in_order(bids)
    assert [bid.start for bid in ordered] == sorted(bid.start for bid in bids)
    best = [bid for bid in ordered if not bid.is_dominated]
    assert bool(best) == bool(bids)
    for bid in ordered:
        assert bid.is_dominated == any(dominates(other, bid) for other in best)
        assert not dominates(bid, bid)
    for kind in {key for bid in bids for key in bid.costs}:
        least = min(bid.costs[kind].max for bid in bids if kind in bid.costs)
        assert any(bid.costs[kind].max == least for bid in best if kind in bid.costs)


@given(BIDS, BIDS)
def test_a_trade_goes_both_ways(one: Bid, other: Bid) -> None:
    there, back = trade(one, other), trade(other, one)
    assert (there.later, there.cores, there.longer) == (-back.later, -back.cores, -back.longer)
    for type_ in there.costs.keys() & back.costs.keys():
        assert (1 + there.costs[type_]) * (1 + back.costs[type_]) == pytest.approx(1)


@pytest.mark.parametrize("name", sorted(HOSTILE))
async def test_no_broker_can_block_the_others_or_poison_them(name: str, host: Host) -> None:
    good = host.new_broker()
    request = {"executable": REQUEST["executable"]}
    async with behaving(HOSTILE[name]) as url:
        brokers = [
            Broker(name="good", url=good.url, username="ada", password="lovelace", deadline=20),
            Broker(name="bad", url=url, username="ada", password="planted", deadline=2),
        ]
        begun = time.monotonic()
        found = await compare_all(request, brokers, lambda: datetime.now(UTC))
        assert time.monotonic() - begun < 15
    assert [bid.broker for bid in found.bids] == ["good", "good"]
    (refusal,) = found.refusals
    assert (refusal.broker, refusal.is_no) == ("bad", False)
    assert "planted" not in refusal.reason
    assert len(refusal.reason) < 400


async def test_what_is_not_taken_is_let_go(host: Host) -> None:
    good = host.new_broker()
    brokers = [
        Broker(name="good", url=good.url, username="ada", password="lovelace"),
        Broker(name="same", url=good.url, username="admin", password="secret"),
        Broker(name="gone", url="http://127.0.0.1:1", deadline=5),
        Broker(name="none", url="ftp://x"),
    ]
    request = {"executable": REQUEST["executable"]}
    found = await compare_all(request, brokers, lambda: datetime.now(UTC))
    assert [bid.broker for bid in found.bids].count("same") == 2
    assert {refusal.broker for refusal in found.refusals} == {"gone", "none"}
    assert await let_go_of(found.bids[1:], brokers) == ()
    phases = {uuid: session.phase for uuid, session in good.sessions.items()}
    kept = str(found.bids[0].uuid)
    assert phases.pop(kept) is SessionPhase.OFFERED
    assert set(phases.values()) == {SessionPhase.REJECTED}
    with pytest.raises(BadAddress, match="same name"):
        await compare_all(request, [brokers[0], brokers[0]], lambda: datetime.now(UTC))


async def test_it_can_be_called_where_a_loop_runs_already(host: Host) -> None:
    """As in a notebook."""
    good = host.new_broker()
    brokers = [Broker(name="good", url=good.url, username="ada", password="lovelace")]
    found = compare({"executable": REQUEST["executable"]}, brokers)
    assert isinstance(found, Comparison)
    assert len(found.bids) == 2
    assert "lovelace" not in repr(brokers)
