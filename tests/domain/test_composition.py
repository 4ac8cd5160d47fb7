"""The document of a session: what was offered, in the words of the wire."""

import re
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from execution_broker.domain.composition import (
    Bid,
    Composition,
    asked_for,
    bid_of,
    component_keys,
    reschedule,
)
from execution_broker.domain.demand import Demand
from execution_broker.domain.iso8601 import read_duration, read_instant, read_interval
from execution_broker.domain.negotiation import negotiate
from execution_broker.domain.offer import Offer, Terms, Yes
from execution_broker.domain.plan import Plan
from execution_broker.domain.reserving import fix
from execution_broker.models import kinds
from execution_broker.models.execution import ExecutionSession
from tests.domain import builders
from tests.domain.builders import (
    DOCKER,
    NOTEBOOK,
    NOW,
    RULES,
    body,
    compute,
    data,
    demand,
    site,
    storage,
    volume,
)

REQUEST: dict[str, Any] = {
    "executable": NOTEBOOK
    | {
        "meta": {"name": "fit", "description": "Fits.", "uuid": "client's", "url": "x"},
        "mode": "BATCH",
        "checks": {"size": 1000},
        "parameters": {"a": 1},
        "phase": "RUNNING",
        "schedule": {"preparing": {"start": "x"}},
        "costs": [builders.cost(kinds.COST_MONETARY, max=99)],
    },
    "compute": compute(
        meta={"name": "box"},
        cores={"min": 2, "max": 4},
        volumes=[volume("/in", "stars", mode="READONLY"), volume("/out", "disk")],
    ),
    "storage": [storage("disk", size={"min": 5})],
    "data": [
        data("stars", storage="disk", checks={"size": 10}, replace=True),
        data("sky", checks={"size": 10}),
    ],
}


def composed(request: dict[str, Any]) -> tuple[Demand, Offer, Plan, ExecutionSession]:
    wanted = demand(request)
    verdict = negotiate(wanted, [site()], RULES, NOW)
    assert isinstance(verdict, Yes)
    offer = verdict.offers[0]
    plan = verdict.plans["here"]
    return wanted, offer, plan, document(wanted, offer, plan)


def document(wanted: Demand, offer: Offer, plan: Plan) -> ExecutionSession:
    """The document of an offer, from parts that were stored and read again."""
    bid = bid_of(offer, builders.identities(wanted).values())
    asked = msgspec.json.encode(asked_for(wanted))
    return Composition(msgspec.json.decode(asked, type=ExecutionSession)).session(
        msgspec.json.decode(msgspec.json.encode(bid), type=Bid), plan
    )


def plain(session: ExecutionSession) -> dict[str, Any]:
    made: dict[str, Any] = msgspec.to_builtins(session)
    return made


def test_keys_of_all_components() -> None:
    assert component_keys(demand(REQUEST)) == (
        "executable",
        "compute",
        "storage/0",
        "storage/1",
        "data/0",
        "data/1",
        "volume/0",
        "volume/1",
    )


def test_every_component_has_its_own_uuid_and_the_clients_names() -> None:
    wanted, _, _, session = composed(REQUEST)
    made = plain(session)
    uuids = {key: str(uuid) for key, uuid in builders.identities(wanted).items()}
    assert made["meta"] == {"uuid": uuids["session"]}
    assert made["executable"]["meta"] == {
        "uuid": uuids["executable"],
        "name": "fit",
        "description": "Fits.",
    }
    assert made["compute"]["meta"] == {"uuid": uuids["compute"], "name": "box"}
    assert [part["meta"] for part in made["storage"]] == [
        {"uuid": uuids["storage/0"], "name": "disk"},
        {"uuid": uuids["storage/1"]},
    ]
    assert [part["meta"]["name"] for part in made["data"]] == ["stars", "sky"]
    assert [part["meta"]["uuid"] for part in made["compute"]["volumes"]] == [
        uuids["volume/0"],
        uuids["volume/1"],
    ]


def test_references_are_uuids_of_the_same_offer() -> None:
    wanted, _, _, session = composed(REQUEST)
    uuids = {key: str(uuid) for key, uuid in builders.identities(wanted).items()}
    assert [part.storage for part in session.data] == [uuids["storage/0"], uuids["storage/1"]]
    assert [part.data for part in session.storage] == [(uuids["data/0"],), (uuids["data/1"],)]
    assert session.compute is not None
    assert [v.resource for v in session.compute.volumes] == [uuids["data/0"], uuids["storage/0"]]
    assert all(uuid == uuid.lower() for uuid in uuids.values())


def test_what_is_offered_replaces_what_was_asked() -> None:
    _, offer, _, session = composed(REQUEST)
    made = plain(session)
    assert made["compute"]["cores"] == {"min": offer.terms.cores, "max": offer.terms.cores}
    assert made["compute"]["memory"] == {"min": 1, "max": 1}
    assert [part["size"] for part in made["storage"]] == [
        {"min": 5, "max": 5},
        {"min": 1, "max": 1},
    ]
    assert session.costs == offer.costs["session"]
    assert session.metrics == offer.metrics["session"]
    assert session.compute is not None
    assert session.compute.costs == offer.costs["compute"]
    assert session.compute.metrics == offer.metrics["compute"]
    assert "costs" not in made["executable"]


def test_extensions_are_echoed_only_where_they_were_sent() -> None:
    made = plain(composed(REQUEST)[3])
    assert made["executable"]["mode"] == "BATCH"
    assert made["executable"]["checks"] == {"size": 1000}
    assert made["executable"]["parameters"] == {"a": 1}
    assert made["data"][0]["replace"] is True
    assert "replace" not in made["data"][1]
    assert made["compute"]["volumes"][0]["mode"] == "READONLY"
    assert "mode" not in made["compute"]["volumes"][1]
    bare = plain(composed({"executable": NOTEBOOK | {"checks": {"size": 1}}})[3])
    assert bare["executable"].keys() == {"kind", "meta", "location", "schedule", "checks"}


def test_what_lives_is_left_to_the_living() -> None:
    made = plain(composed(REQUEST)[3])
    assert made.keys() == {
        "kind",
        "meta",
        "costs",
        "metrics",
        "executable",
        "compute",
        "storage",
        "data",
        "schedule",
    }
    for part in (made["executable"], made["compute"], *made["storage"], *made["data"]):
        assert "phase" not in part


INTERVAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def check_schedules(session: ExecutionSession, terms: Terms) -> None:
    """Every component is prepared before the start, available in the same interval, and released
    from the end on; the session's own schedule spans them all."""
    parts = [session, session.executable, session.compute, *session.storage, *session.data]
    now = datetime.fromtimestamp(NOW, UTC)
    begins, gone = [], []
    for part in parts:
        assert part is not None
        schedule = part.schedule
        assert schedule is not None
        assert schedule.preparing is not None
        assert schedule.available is not None
        assert schedule.releasing is not None
        assert INTERVAL.fullmatch(str(schedule.available.start))
        first, last = read_interval(str(schedule.available.start), now)
        assert last is not None
        assert (first.timestamp(), last.timestamp()) == (terms.earliest, terms.latest + 1)
        assert read_duration(str(schedule.available.duration)).total_seconds() == terms.duration
        begin = read_instant(str(schedule.preparing.start))
        ready = begin + read_duration(str(schedule.preparing.duration))
        assert ready.timestamp() <= terms.start
        begins.append(begin.timestamp())
        released = read_instant(str(schedule.releasing.start))
        assert released.timestamp() == terms.start + terms.duration
        gone.append(released + read_duration(str(schedule.releasing.duration)))
    assert begins[0] == min(begins[1:])
    assert gone[0] == max(gone[1:])


def test_schedules_of_the_offer_and_of_what_was_accepted() -> None:
    wanted, offer, plan, session = composed(REQUEST)
    terms = offer.terms
    check_schedules(session, terms)
    assert terms.latest > terms.start
    fixed = fix(terms, NOW + 100)
    moved = reschedule(session, fixed, plan)
    check_schedules(moved, fixed)
    accepted = msgspec.structs.replace(offer, terms=fixed)
    assert moved == document(wanted, accepted, plan)


@pytest.mark.parametrize("executable", [DOCKER, builders.SINGULARITY])
def test_the_smallest_session(executable: dict[str, Any]) -> None:
    _, _, plan, session = composed(body(executable=executable))
    made = plain(session)
    assert made["executable"]["kind"] == executable["kind"]
    assert made["compute"]["cores"] == {"min": 1, "max": 1}
    assert "storage" not in made
    assert "data" not in made
    assert msgspec.convert(made, ExecutionSession) == session
    assert reschedule(ExecutionSession(), builders.terms(), plan).executable is None
