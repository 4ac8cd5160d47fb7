"""Simulated offers for those who ask for them, and for nobody else."""

from typing import Any

import pytest

from execution_broker.domain.demand import Lookup
from execution_broker.domain.negotiation import Site
from execution_broker.domain.offer import Yes
from execution_broker.domain.probing import questions
from execution_broker.models import kinds
from tests.domain.builders import NOTEBOOK, body, data, demand, site
from tests.domain.negotiation.answers import refused, verdict_of

LOCATED = frozenset({kinds.SIMPLE_DATA})
REAL = body()
MARKED = [
    body(executable={"kind": kinds.DOCKER_CONTAINER, "image": {"locations": ["simulated://a"]}}),
    body(executable={"kind": kinds.SINGULARITY_CONTAINER, "location": "Simulated://a"}),
    body(executable={**NOTEBOOK, "location": "simulated://a"}),
]


def sites(**simulated: Any) -> tuple[Site, Site]:
    """What a broker without configuration has: something real, and something simulated."""
    real = site("local", schemes=frozenset({"http", "https", "file"}))
    return real, site("simulated", **{"simulates": "marked", **simulated})


def platforms(request: dict[str, Any], *among: Site) -> set[str]:
    verdict = verdict_of(request, *among)
    assert isinstance(verdict, Yes), verdict
    return {offer.platform for offer in verdict.offers}


def test_a_real_request_gets_real_offers_only() -> None:
    assert platforms(REAL, *sites()) == {"local"}


def test_a_refusal_of_a_real_request_says_nothing_of_simulation() -> None:
    _, simulated = sites()
    unable = site("local", executables=())
    faults = refused(REAL, unable, simulated)
    assert [fault.values["platform"] for fault in faults] == ["local"]


@pytest.mark.parametrize("request_", MARKED)
def test_a_marked_request_is_simulated_and_the_offer_says_so(request_: dict[str, Any]) -> None:
    assert platforms(request_, *sites()) == {"simulated"}
    verdict = verdict_of(request_, *sites())
    assert isinstance(verdict, Yes)
    for offer in verdict.offers:
        (warning,) = (m for m in offer.messages if m.kind.endswith(":simulated"))
        assert warning.level == "WARN"
        assert "runs nothing" in (warning.message or "")


def test_a_platform_that_simulates_everything_warns_of_it() -> None:
    _, all_of_it = sites(simulates="everything")
    verdict = verdict_of(REAL, all_of_it)
    assert isinstance(verdict, Yes)
    assert any(m.kind.endswith(":simulated") for m in verdict.offers[0].messages)


def test_where_there_is_only_the_other_the_answer_says_what_to_write() -> None:
    real, simulated = sites()
    (fault,) = refused(REAL, simulated)
    assert "simulated://" in (fault.message or "")
    (fault,) = refused(MARKED[0], real)
    assert "No platform here can simulate this." in (fault.message or "")


def test_nothing_is_looked_up_for_a_simulation_and_no_look_stops_it() -> None:
    assert questions(demand(body(executable=NOTEBOOK, data=[data("d")])), LOCATED)
    assert not questions(demand(MARKED[2] | {"data": [data("d")]}), LOCATED)
    unread = {"data/0": Lookup(fault="there is no such host")}
    _, all_of_it = sites(simulates="everything")
    request = body(data=[data("d", location="gopher://nowhere/d")])
    there = site("there", capacity=all_of_it.capability.capacity)
    assert refused(request, there, lookups=unread)
    simulated = site("there", simulates="everything")
    assert isinstance(verdict_of(request, simulated, lookups=unread), Yes)
