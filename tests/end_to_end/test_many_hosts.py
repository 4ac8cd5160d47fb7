"""Workers and servers of many hosts over one PostgreSQL: killed, stopped, cut off."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from tests.harness.asking import request
from tests.harness.postgres import PostgresServer
from tests.harness.serving import PHASE, Server, server

SESSIONS = 6
WIDTH = 10
STEPS = 11
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
        _until(lambda: all(_phase(clients[1], one) == "FAILED" for one in uuids))
        os.kill(workers[1].process.pid, signal.SIGCONT)
        for client in clients:
            assert {_phase(client, one) for one in uuids} == {"FAILED"}, "cut off at their end"
        assert workers[1].stop() == 0
        assert workers[2].stop() == 0
    assert _made(tmp_path) == SESSIONS * 9


async def test_wide_plans_on_many_workers_end_each_step_once(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    """Many steps of a session end at the same time, and all of them wake the same ones."""
    settings = {**SETTINGS, "DATABASE__URL": await postgres.new_database()}
    body = request(storage=1)
    body["data"] = [{**body["data"][0], "meta": {"name": f"d{one}"}} for one in range(WIDTH)]
    with ExitStack() as stack:
        host = stack.enter_context(api(tmp_path, settings))
        workers = [
            stack.enter_context(server(tmp_path, settings, command="worker")) for _ in range(4)
        ]
        host.ready()
        client = stack.enter_context(host.client())
        uuids = [_accepted(client, body) for _ in range(3)]
        _until(lambda: all(_phase(client, one) == "COMPLETED" for one in uuids))
        assert [worker.stop() for worker in workers] == [0] * 4
    assert _made(tmp_path) == 3 * (7 + 2 * WIDTH)
    database = await asyncpg.connect(settings["DATABASE__URL"])
    try:
        ends = await database.fetch(
            "SELECT step.key, step.phase, count(event.number) AS told FROM step"
            " LEFT JOIN event ON event.session_id = step.session_id AND event.type = 'step-end'"
            " AND event.body->>'step' = step.key"
            " WHERE step.session_id IS NOT NULL AND step.key <> 'end'"
            " GROUP BY step.id, step.key, step.phase"
        )
    finally:
        await database.close()
    assert {(row["phase"], row["told"]) for row in ends} == {("COMPLETED", 1)}
    assert len(ends) == 3 * (STEPS + 2 * WIDTH)


async def test_what_a_worker_that_slept_too_long_brings_is_thrown_away_and_counted(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    """It is stopped while it acts. Its lease is ended here, so that the thread that renews it has
    nothing to do when it goes on: the result itself has to be refused."""
    settings = {**SETTINGS, "DATABASE__URL": await postgres.new_database()}
    slow = {**settings, "WORKER__LEASE": "1200", "WORKER__RENEWAL": "500"}
    here = tmp_path / "platforms" / "here"
    with ExitStack() as stack:
        host = stack.enter_context(api(tmp_path, settings))
        command = "worker --metrics-port 0"
        sleeper = stack.enter_context(server(tmp_path, slow, command=command))
        host.ready()
        client = stack.enter_context(host.client())
        uuid = _accepted(client, request(script={"prepare_data": "held"}))
        held = f"mark-{uuid}-*-prepare_data"
        _until(lambda: bool(list(here.glob(held))))
        os.kill(sleeper.process.pid, signal.SIGSTOP)
        await _end_leases(settings["DATABASE__URL"])
        worker = stack.enter_context(server(tmp_path, settings, command="worker"))

        def is_over() -> bool:
            for mark in here.glob(held):
                mark.unlink()
            return _phase(client, uuid) == "COMPLETED"

        _until(is_over)
        os.kill(sleeper.process.pid, signal.SIGCONT)
        counted = 'broker_stale_applies_total{kind="prepare-data"} 1.0'
        _until(lambda: counted in _metrics(sleeper))
        assert _phase(client, uuid) == "COMPLETED"
        assert worker.stop() == 0
        assert sleeper.stop() == 0
    assert _made(tmp_path) == 9


async def _end_leases(url: str) -> None:
    database = await asyncpg.connect(url)
    try:
        await database.execute("UPDATE step SET free_at = now() WHERE phase = 'RUNNING'")
    finally:
        await database.close()


def _metrics(worker: Server) -> str:
    (line,) = (line for line in worker.log if "metrics on " in line)
    return httpx.get(line.split("metrics on ")[1].split()[0]).text


@pytest.mark.parametrize("how", [PostgresServer.stopped, PostgresServer.crashed])
async def test_a_database_server_that_is_restarted_interrupts_and_ends_nothing(
    tmp_path: Path,
    postgres: PostgresServer,
    how: Callable[[PostgresServer], AbstractContextManager[None]],
) -> None:
    settings = {**SETTINGS, "DATABASE__URL": await postgres.new_database()}
    await postgres.be_durable(settings["DATABASE__URL"])
    with ExitStack() as stack:
        host = stack.enter_context(api(tmp_path, settings))
        worker = stack.enter_context(server(tmp_path, settings, command="worker"))
        host.ready()
        client = stack.enter_context(host.client())
        running = _accepted(client, request(script={"run": "forever"}, duration="PT12S"))
        _until(lambda: _phase(client, running) == "RUNNING")
        preparing = _accepted(client, request(script={"prepare_data": "later"}))
        with how(postgres):
            answers = [
                client.get(f"/sessions/{running}"),
                client.post("/requests", json=request()),
                client.get("/readyz"),
            ]
            assert [answer.status_code for answer in answers] == [503] * 3
            assert all(int(answer.headers["retry-after"]) > 0 for answer in answers)
            _until(lambda: any(_misses_it(line) for line in worker.log))
        uuids = [preparing, _accepted(client, request())]
        _until(lambda: all(_phase(client, one) == "COMPLETED" for one in uuids))
        _until(lambda: _phase(client, running) == "FAILED")  # at its end, not before
        _until(lambda: _made(tmp_path) == 3 * 9)  # what has failed is released later
        assert worker.stop() == 0
    assert _made(tmp_path) == 3 * 9


@contextmanager
def api(directory: Path, settings: dict[str, str]) -> Iterator[Server]:
    with server(directory, settings, command="api") as host:
        yield host


def _misses_it(line: str) -> bool:
    """Whether a worker has noticed that its database is away: by a step that it had at hand then,
    or by a claim."""
    return "step-unfinished" in line or "claim-failed" in line


def _made(directory: Path) -> int:
    """How many things the platform was told to make, start or remove; each of them once."""
    told = (directory / "platforms" / "here" / "log").read_text().splitlines()
    assert len(told) == len(set(told))
    return len(told)


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
