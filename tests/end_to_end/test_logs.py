"""What the log of a broker says of requests and sessions, so that one can be found in the other."""

import json
import time
from collections.abc import Iterator, Set
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from tests.harness.asking import request
from tests.harness.postgres import PostgresServer
from tests.harness.serving import PHASE, Server, server, set_phase, wait_for
from tests.harness.waiting import until

SETTINGS = {"PLATFORMS__HERE__PLUGIN": "scripted", "LOG__FORMAT": "json", "WORKER__ATTEMPTS": "2"}
OF_SESSIONS = ("session-accepted", "session-started", "session-ended")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with server(tmp_path_factory.mktemp("broker"), SETTINGS) as made:
        made.ready()
        yield made


@pytest.fixture
def client(broker: Server) -> Iterator[httpx.Client]:
    with broker.client() as client:
        yield client


def lines(broker: Server) -> list[dict[str, Any]]:
    """Everything that was written; all of it is for machines."""
    return [json.loads(line) for line in broker.log]


def run(client: httpx.Client, script: dict[str, Any], end: str) -> str:
    answer = client.post("/requests", json=request(script=script))
    uuid: str = answer.json()["offers"][0]["meta"]["uuid"]
    set_phase(client, uuid, "ACCEPTED")
    wait_for(client, uuid, end)
    return uuid


def found(broker: Server, event: str, key: str, wanted: Set[str]) -> dict[str, dict[str, Any]]:
    """The lines with an event, by the value of a key. Whoever asks may be answered before they are
    written, so they are waited for."""
    deadline = time.monotonic() + 60
    while True:
        told = {one[key]: one for one in lines(broker) if one["event"] == event and key in one}
        if wanted <= told.keys():
            return told
        assert time.monotonic() < deadline, (wanted, told)
        time.sleep(0.01)


def told_of(broker: Server, uuid: str) -> dict[str, dict[str, Any]]:
    """What is told of a session that has ended: each of it once."""
    for event in OF_SESSIONS[::2]:
        found(broker, event, "session", {uuid})
    mine = [
        one for one in lines(broker) if one.get("session") == uuid and one["event"] in OF_SESSIONS
    ]
    assert len({one["event"] for one in mine}) == len(mine), mine
    return {one["event"]: one for one in mine}


def test_who_ran_what_where_and_how_it_ended(broker: Server, client: httpx.Client) -> None:
    uuid = run(client, {}, "COMPLETED")
    told = told_of(broker, uuid)
    assert tuple(told) == OF_SESSIONS
    for one in told.values():
        assert (one["owner"], one["platform"], one["level"]) == ("admin", "here", "info")
        assert one["timestamp"]
    accepted, ended = told["session-accepted"], told["session-ended"]
    assert accepted["runs"] == "jupyter-notebook"
    assert accepted["location"] == "http://127.0.0.1:1/notebook.ipynb"
    assert accepted["duration"] == 3600
    assert (ended["phase"], ended["reasons"]) == ("COMPLETED", [])
    assert ended["seconds"] >= 0


@pytest.mark.parametrize(
    ("script", "phase", "reason"),
    [
        ({"prepare_data": "permanent"}, "FAILED", "step-failed"),
        ({"run": "fail"}, "FAILED", "exit-status"),
        ({"run": "forever"}, "CANCELLED", None),
    ],
)
def test_whatever_ends_a_session_is_told_once(
    broker: Server, client: httpx.Client, script: dict[str, str], phase: str, reason: str | None
) -> None:
    if phase == "CANCELLED":
        uuid = run(client, script, "RUNNING")
        set_phase(client, uuid, phase)
    else:
        uuid = run(client, script, phase)
    ended = told_of(broker, uuid)["session-ended"]
    assert ended["phase"] == phase
    assert (reason in ended["reasons"]) is (reason is not None)
    assert (ended["owner"], ended["platform"]) == ("admin", "here")


def test_what_was_answered(broker: Server, client: httpx.Client) -> None:
    answers = [client.post("/requests", json=request(cores=cores)) for cores in (1, 4096)]
    uuids = [answer.json()["meta"]["uuid"] for answer in answers]
    told = found(broker, "offers-answered", "offerset", set(uuids))
    yes, no = (told[uuid] for uuid in uuids)
    assert (yes["result"], yes["offers"] > 0, yes["platforms"]) == ("YES", True, ["here"])
    assert (no["result"], no["offers"], no["reasons"]) == ("NO", 0, ["too-much"])
    for one, answer in zip((yes, no), answers, strict=True):
        assert one["identity"] == "admin"
        assert one["request"] == answer.headers["x-request-id"]


def test_every_line_about_a_step_names_its_session_its_owner_and_its_platform(
    broker: Server, client: httpx.Client
) -> None:
    failed = run(client, {"prepare_data": "crash", "release_data": "transient"}, "FAILED")
    found(broker, "step-gave-up", "session", {failed})
    about = [one for one in lines(broker) if "step" in one]
    assert {one["event"] for one in about} >= {"step-crashed", "step-failed", "step-gave-up"}
    assert failed in {one["session"] for one in about}
    for one in about:
        UUID(one["session"])
        assert (one["owner"], one["platform"]) == ("admin", "here")
        assert "request" not in one, "that was over long before"


def test_every_request_has_a_line(broker: Server, client: httpx.Client) -> None:
    uuid = client.post("/requests", json=request()).json()["offers"][0]["meta"]["uuid"]
    asked = [
        client.get(f"/sessions/{uuid}?token=not-for-the-log"),
        client.get("/sessions", auth=("admin", "wrong")),
        client.get("/nothing/secret-part"),
        client.get("/healthz", auth=("admin", "wrong")),
    ]
    ids = [answer.headers["x-request-id"] for answer in asked]
    told = found(broker, "request-answered", "request", set(ids))
    read, refused, nothing, healthy = (told[one] for one in ids)
    assert (read["method"], read["route"], read["status"]) == ("GET", "/sessions/{uuid:uuid}", 200)
    assert (read["session"], read["identity"], read["client"]) == (uuid, "admin", "127.0.0.1")
    assert 0 <= read["seconds"] < 20
    assert (refused["status"], "identity" in refused) == (401, False)
    assert (nothing["status"], nothing["route"]) == (404, None)
    assert (healthy["status"], "identity" in healthy) == (401, False)
    assert "not-for-the-log" not in "".join(broker.log)
    assert "secret-part" not in "".join(broker.log)


def test_a_line_has_the_id_of_its_own_request(broker: Server) -> None:
    """Also where many are decided in one transaction, and one after the other on a connection."""

    def accept(number: int) -> str:
        with broker.client() as own:
            body = request(script={"run": "forever"}, cores=1, duration="PT1M")
            offered = own.post("/requests", json=body, headers={"X-Request-ID": f"ask-{number}"})
            uuid: str = offered.json()["offers"][-1]["meta"]["uuid"]
            answer = own.post(
                f"/sessions/{uuid}",
                json={**PHASE, "value": "ACCEPTED"},
                headers={"X-Request-ID": f"accept-{number}"},
            )
            assert answer.status_code == 200
            own.post(
                f"/sessions/{uuid}",
                json={**PHASE, "value": "CANCELLED"},
                headers={"X-Request-ID": f"cancel-{number}"},
            )
            return uuid

    with ThreadPoolExecutor(4) as pool:
        uuids = list(pool.map(accept, range(4)))
    for number, uuid in enumerate(uuids):
        told = told_of(broker, uuid)
        assert told["session-accepted"]["request"] == f"accept-{number}"
        assert told["session-ended"]["request"] == f"cancel-{number}"
    found(broker, "offers-answered", "request", {f"ask-{number}" for number in range(4)})


async def test_what_serves_everybody_belongs_to_no_request(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    """The connection by which workers are woken is made when the first one asks for something."""
    url = await postgres.new_database()
    with server(tmp_path, {**SETTINGS, "DATABASE__URL": url}) as made, made.client() as client:
        made.ready()
        run(client, {}, "COMPLETED")
        connection = await asyncpg.connect(url)
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await connection.close()

        async def is_told() -> bool:
            return any("bell-lost" in line for line in made.log)

        await until(is_told)
        for one in lines(made):
            if one["event"] == "bell-lost":
                assert not {"request", "identity", "session", "owner", "step"} & one.keys()
        assert made.stop() == 0
    assert all("event" in one and "level" in one and "timestamp" in one for one in lines(made))


def test_what_prevents_a_start_is_for_machines_too(tmp_path: Path) -> None:
    wrong = {**SETTINGS, "DATABASE__URL": "postgresql://broker:hunter2@127.0.0.1:1/x"}
    with server(tmp_path, wrong) as made:
        assert made.process.wait(60) == 2
        made._reader.join(5)
        (line,) = lines(made)
    assert (line["event"], line["level"]) == ("start-failed", "error")
    assert line["reason"].startswith("database.url: ")
    assert line["remedy"]
    assert "hunter2" not in str(line)
