"""Answers that wait: events as they happen, and a session at its next change."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
import uvicorn
from starlette.applications import Starlette
from structlog.typing import FilteringBoundLogger

from execution_broker.api.app import create_app
from execution_broker.api.following import leave
from execution_broker.config import Http
from execution_broker.models.phases import SessionPhase
from tests.api import bodies, fakes

SECONDS = 20


@pytest.fixture
def app(world: fakes.World, http: Http, log: FilteringBoundLogger) -> Starlette:
    return create_app(fakes.services(world), http, log, heartbeat=0.05)


@pytest.fixture
async def session(ada: httpx.AsyncClient, world: fakes.World) -> UUID:
    """A session of ada's with two events."""
    made = (await ada.post("/direct", json=bodies.NOTEBOOK)).json()
    uuid = UUID(made["meta"]["uuid"])
    world.tell(uuid, "first")
    world.tell(uuid, "second")
    return uuid


def _change(world: fakes.World, uuid: UUID, phase: SessionPhase) -> None:
    world.sessions[uuid] = msgspec.structs.replace(world.sessions[uuid], phase=phase)


# --- Results -----------------------------------------------------------------------------------


async def test_results_are_waited_for_until_they_are_collected(
    ada: httpx.AsyncClient, world: fakes.World, session: UUID
) -> None:
    world.result_states[session] = "COLLECTING"
    place = f"/sessions/{session}/results"
    now = await ada.get(place)
    assert (now.status_code, now.headers["retry-after"]) == (HTTPStatus.ACCEPTED, "1")
    assert now.json()["state"] == "COLLECTING"
    asked = asyncio.create_task(ada.get(place, headers={"Prefer": "wait=30"}))
    await _waits(ada)
    assert not asked.done()
    world.result_states[session] = "COLLECTED"
    answer = await asyncio.wait_for(asked, SECONDS)
    assert (answer.status_code, answer.json()["state"]) == (HTTPStatus.OK, "COLLECTED")
    assert answer.headers["preference-applied"] == "wait=30"


async def test_results_of_what_goes_on_are_waited_for_no_longer_than_asked(
    ada: httpx.AsyncClient, world: fakes.World, session: UUID
) -> None:
    world.result_states[session] = "PENDING"
    answer = await ada.get(f"/sessions/{session}/results", headers={"Prefer": "wait=1"})
    assert (answer.status_code, answer.json()["state"]) == (HTTPStatus.OK, "PENDING")


# --- Prefer: wait ----------------------------------------------------------------------------


async def test_a_session_is_answered_at_its_next_change(
    ada: httpx.AsyncClient, world: fakes.World, session: UUID
) -> None:
    asked = asyncio.create_task(ada.get(f"/sessions/{session}", headers={"Prefer": "wait=30"}))
    await _waits(ada)
    assert not asked.done()
    _change(world, session, SessionPhase.RUNNING)
    answer = await asyncio.wait_for(asked, SECONDS)
    assert answer.json()["phase"] == "RUNNING"
    assert answer.headers["preference-applied"] == "wait=30"


async def test_waiting_ends_without_a_change(ada: httpx.AsyncClient, session: UUID) -> None:
    tag = (await ada.get(f"/sessions/{session}")).headers["etag"]
    headers = {"Prefer": "respond-async, wait=0", "If-None-Match": tag}
    answer = await ada.get(f"/sessions/{session}", headers=headers)
    assert answer.status_code == HTTPStatus.NOT_MODIFIED
    assert answer.headers["preference-applied"] == "wait=0"


async def test_who_knows_less_does_not_wait(ada: httpx.AsyncClient, session: UUID) -> None:
    headers = {"Prefer": "wait=30", "If-None-Match": '"old"'}
    async with asyncio.timeout(SECONDS):
        answer = await ada.get(f"/sessions/{session}", headers=headers)
    assert answer.status_code == HTTPStatus.OK


@pytest.mark.parametrize("prefer", ["wait", "wait=soon", "wait=-1", "await=3", "wait=9999999"])
async def test_other_preferences_are_ignored(
    ada: httpx.AsyncClient, session: UUID, prefer: str
) -> None:
    async with asyncio.timeout(SECONDS):
        answer = await ada.get(f"/sessions/{session}", headers={"Prefer": prefer})
    assert "preference-applied" not in answer.headers


async def test_nobody_is_kept_waiting_when_the_server_stops(
    ada: httpx.AsyncClient, app: Starlette, session: UUID
) -> None:
    asked = asyncio.create_task(ada.get(f"/sessions/{session}", headers={"Prefer": "wait=60"}))
    await _waits(ada)
    leave(app)
    assert (await asyncio.wait_for(asked, SECONDS)).status_code == HTTPStatus.OK


async def _waits(client: httpx.AsyncClient) -> None:
    """Until the application of this client has somebody waiting."""
    transport: Any = client._transport
    async with asyncio.timeout(SECONDS):
        while not transport.app.state.waiting.count:  # noqa: ASYNC110  (nothing to wait on)
            await asyncio.sleep(0.005)


# --- Events, page by page --------------------------------------------------------------------


async def test_the_log_comes_in_pages(
    ada: httpx.AsyncClient, world: fakes.World, session: UUID
) -> None:
    first = await ada.get(f"/sessions/{session}/events?limit=1")
    assert [event["type"] for event in first.json()["events"]] == ["first"]
    second = await ada.get(first.json()["next"])
    assert [event["number"] for event in second.json()["events"]] == [2]
    assert second.links["next"]["url"] == second.json()["next"]
    assert "events" not in (await ada.get(second.json()["next"])).json()
    world.over.add(session)
    assert (await ada.get(second.json()["next"])).json() == {}


@pytest.mark.parametrize(("asked", "given"), [("", 50), ("?limit=200", 200), ("?limit=900", 200)])
async def test_a_page_holds_as_many_as_the_document_says(
    ada: httpx.AsyncClient, world: fakes.World, session: UUID, asked: str, given: int
) -> None:
    for number in range(450):
        world.tell(session, f"event-{number}")
    seen: list[int] = []
    address: str | None = f"/sessions/{session}/events{asked}"
    world.over.add(session)
    while address:
        page = (await ada.get(address)).json()
        numbers = [event["number"] for event in page["events"]]
        assert len(numbers) == min(given, 452 - len(seen))
        seen += numbers
        address = page.get("next")
    assert seen == [*range(1, 453)]


@pytest.mark.parametrize("far", [2**31, 2**53, 10**40])
async def test_after_the_last_there_is_nothing(
    ada: httpx.AsyncClient, session: UUID, far: int
) -> None:
    for headers in ({}, {"Last-Event-ID": str(far)}):
        answer = await ada.get(f"/sessions/{session}/events?after={far}", headers=headers)
        assert answer.status_code == HTTPStatus.OK
        assert "events" not in answer.json()


async def test_the_log_is_for_its_owner(bob: httpx.AsyncClient, session: UUID) -> None:
    answer = await bob.get(f"/sessions/{session}/events")
    assert answer.status_code == HTTPStatus.FORBIDDEN
    streamed = await bob.get(f"/sessions/{session}/events", headers={"Accept": "text/event-stream"})
    assert streamed.status_code == HTTPStatus.FORBIDDEN


# --- Events, as they happen ------------------------------------------------------------------

STREAM = {"Accept": "text/event-stream"}


async def test_a_stream_begins_with_what_was(
    ada: httpx.AsyncClient, world: fakes.World, session: UUID
) -> None:
    world.over.add(session)
    answer = await ada.get(f"/sessions/{session}/events", headers=STREAM)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert _parsed(answer.text) == [(1, "first"), (2, "second")]
    resumed = {**STREAM, "Last-Event-ID": "1"}
    answer = await ada.get(f"/sessions/{session}/events?after=0", headers=resumed)
    assert _parsed(answer.text) == [(2, "second")]


async def test_what_is_over_is_not_followed_again(
    ada: httpx.AsyncClient, world: fakes.World, session: UUID
) -> None:
    world.over.add(session)
    answer = await ada.get(f"/sessions/{session}/events", headers={**STREAM, "Last-Event-ID": "2"})
    assert (answer.status_code, answer.content) == (HTTPStatus.NO_CONTENT, b"")


async def test_events_come_as_they_happen_with_signs_of_life(
    app: Starlette, world: fakes.World, session: UUID
) -> None:
    async with _served(app) as client, asyncio.timeout(SECONDS):
        path = f"/sessions/{session}/events"
        async with client.stream("GET", path, headers={**STREAM, "Last-Event-ID": "2"}) as answer:
            lines = answer.aiter_lines()
            assert [await anext(lines) for _ in range(2)] == [
                ": the log of a session",
                "retry: 2000",
            ]
            while not (await anext(lines)).startswith(": ping"):
                pass
            world.tell(session, "third")
            seen = [await _next_event(lines)]
            world.tell(session, "fourth")
            world.over.add(session)
            seen.append(await _next_event(lines))
            assert seen == [(3, "third"), (4, "fourth")]
            assert [line async for line in lines if line.startswith("id")] == []


async def test_a_stream_ends_when_the_server_stops(app: Starlette, session: UUID) -> None:
    path = f"/sessions/{session}/events"
    async with (
        _served(app) as client,
        asyncio.timeout(SECONDS),
        client.stream("GET", path, headers=STREAM) as answer,
    ):
        lines = answer.aiter_lines()
        assert await _next_event(lines) == (1, "first")
        leave(app)
        assert [line async for line in lines if line.startswith("id")] == ["id: 2"]


def _parsed(text: str) -> list[tuple[int, str]]:
    blocks = [dict(line.split(": ", 1) for line in block.splitlines()) for block in _blocks(text)]
    return [(int(block["id"]), block["event"]) for block in blocks if "id" in block]


def _blocks(text: str) -> list[str]:
    return [block for block in text.split("\n\n") if block.startswith("id")]


async def _next_event(lines: AsyncIterator[str]) -> tuple[int, str]:
    fields: dict[str, str] = {}
    async for line in lines:
        if not line and "data" in fields:
            assert json.loads(fields["data"])["number"] == int(fields["id"])
            return int(fields["id"]), fields["event"]
        if line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value
    raise AssertionError("the stream ended")


@asynccontextmanager
async def _served(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    """A client of ada's, of a real server."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", log_config=None))
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(SECONDS):
        while not server.started:  # noqa: ASYNC110  (the server has no event)
            await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    base = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=base, auth=("ada", "ada-password")) as client:
        yield client
    leave(app)
    server.should_exit = True
    await asyncio.wait_for(serving, SECONDS)
