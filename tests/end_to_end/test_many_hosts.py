"""Workers and servers of many hosts over one PostgreSQL: killed, stopped, cut off."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.harness.broker import request
from tests.harness.postgres import PostgresServer
from tests.harness.serving import PHASE, Server, server

SESSIONS = 6
SETTINGS = {
    "PLATFORMS__HERE__PLUGIN": "scripted",
    "PLATFORMS__HERE__CORES": "100",
    "PLATFORMS__HERE__MEMORY": "1000",
    "PLATFORMS__HERE__STORAGE": "1000",
    "PLATFORMS__HERE__OUTPUTS": "10000",
    "WORKER__LEASE": "3",
    "WORKER__RENEWAL": "1",
}


async def test_every_session_ends_once_whoever_dies_or_sleeps(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    settings = {**SETTINGS, "DATABASE__URL": await postgres.new_database()}
    with ExitStack() as stack:
        hosts = [stack.enter_context(api(tmp_path, settings)) for _ in range(2)]
        workers = [
            stack.enter_context(server(tmp_path, settings, command="worker")) for _ in range(3)
        ]
        for host in hosts:
            host.ready()
        clients = [stack.enter_context(host.client()) for host in hosts]
        body = request(script={"run": "forever"}, duration="PT15S")
        uuids = [_accepted(clients[number % 2], body) for number in range(SESSIONS)]
        _until(lambda: all(_phase(clients[0], one) == "RUNNING" for one in uuids))
        workers[0].stop(signal.SIGKILL)
        os.kill(workers[1].process.pid, signal.SIGSTOP)
        _until(lambda: all(_phase(clients[1], one) == "COMPLETED" for one in uuids))
        os.kill(workers[1].process.pid, signal.SIGCONT)
        for client in clients:
            assert {_phase(client, one) for one in uuids} == {"COMPLETED"}
        assert workers[1].stop() == 0
        assert workers[2].stop() == 0
    made = (tmp_path / "platforms" / "here" / "log").read_text().splitlines()
    assert len(made) == len(set(made)) == SESSIONS * 9


@contextmanager
def api(directory: Path, settings: dict[str, str]) -> Iterator[Server]:
    with server(directory, settings, command="api") as host:
        yield host


def _accepted(client: httpx.Client, body: dict[str, Any]) -> str:
    (offer, *_) = client.post("/requests", json=body).json()["offers"]
    uuid = str(offer["meta"]["uuid"])
    changed = client.post(f"/sessions/{uuid}", json={**PHASE, "value": "ACCEPTED"})
    assert changed.status_code == 200, changed.text
    return uuid


def _phase(client: httpx.Client, uuid: str) -> str:
    return str(client.get(f"/sessions/{uuid}").json()["phase"])


def _until(condition: Callable[[], bool], seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.2)
