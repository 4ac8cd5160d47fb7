"""Following a session's log from a real server, through whatever stands between: every event once
and in its order, with streams that break off, and without any."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import httpx
import pytest

from execution_broker.client import AsyncBrokerClient, BrokerClient
from execution_broker.models.listing import Event
from tests.harness.asking import request
from tests.harness.relay import Relay, relay
from tests.harness.serving import Server, server, set_phase

SECONDS = 60
SHORT = 0.05
RUNNING = {"phase": "RUNNING"}

Follow = Callable[[Server, str, str], Awaitable[list[Event]]]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {"PLATFORMS__HERE__PLUGIN": "scripted"}
    with server(tmp_path_factory.mktemp("broker"), settings) as made:
        made.ready()
        yield made


@pytest.fixture
async def between(broker: Server) -> AsyncIterator[Relay]:
    async with relay(broker.url) as made:
        yield made


@pytest.fixture
def uuid(broker: Server) -> str:
    """An offer of what runs until it is cancelled."""
    with broker.client() as client:
        answer = client.post("/requests", json=request(script={"run": "forever"}))
        return str(answer.json()["offers"][0]["meta"]["uuid"])


async def follow_async(broker: Server, url: str, uuid: str) -> list[Event]:
    seen: list[Event] = []
    async with AsyncBrokerClient(url, "admin", _password(broker)) as client:
        async for event in client.follow_events(uuid, SHORT):
            seen.append(event)
            if event.body == RUNNING and event.component is None:
                await client.cancel(uuid)
    return seen


async def follow_blocking(broker: Server, url: str, uuid: str) -> list[Event]:
    def follow() -> list[Event]:
        seen: list[Event] = []
        with BrokerClient(url, "admin", _password(broker)) as client:
            for event in client.follow_events(uuid, SHORT):
                seen.append(event)
                if event.body == RUNNING and event.component is None:
                    client.cancel(uuid)
        return seen

    return await asyncio.to_thread(follow)


either = pytest.mark.parametrize("follow", [follow_async, follow_blocking])


@either
async def test_a_whole_life_as_it_happens(
    broker: Server, between: Relay, uuid: str, follow: Follow
) -> None:
    await _all_of_it(broker, between, uuid, follow)
    assert len(between.asked) >= 1, "by a stream"


@either
@pytest.mark.parametrize("cut", [0, 1, 2])
async def test_streams_that_break_off_in_the_middle_of_an_event(
    broker: Server, between: Relay, uuid: str, follow: Follow, cut: int
) -> None:
    between.cut = cut
    await _all_of_it(broker, between, uuid, follow)
    resumed = between.resumed()
    assert between.cuts > 0, "what it missed comes by another stream, or by pages"
    assert resumed == sorted(set(resumed)), "each goes on where the one before ended"


@either
async def test_a_broker_without_streams(
    broker: Server, between: Relay, uuid: str, follow: Follow
) -> None:
    between.has_streams = False
    await _all_of_it(broker, between, uuid, follow)
    assert len(between.asked) == 1, "asked for once, as there are none"


async def _all_of_it(broker: Server, between: Relay, uuid: str, follow: Follow) -> None:
    async with asyncio.timeout(SECONDS):
        following = asyncio.ensure_future(follow(broker, between.url, uuid))
        while not between.asked:  # noqa: ASYNC110  (a relay has no event for it)
            await asyncio.sleep(0.01)
        with broker.client() as client:
            await asyncio.to_thread(set_phase, client, uuid, "ACCEPTED")
        seen = await following
    assert [event.number for event in seen] == [*range(1, len(seen) + 1)]
    with broker.client() as client:
        stored = _stored(client, uuid)
    assert [(event.number, event.type) for event in seen] == stored


def _stored(client: httpx.Client, uuid: str) -> list[tuple[int, str]]:
    page = client.get(f"/sessions/{uuid}/events?limit=200").json()
    assert "next" not in page, "all of it is over"
    return [(event["number"], event["type"]) for event in page["events"]]


def _password(broker: Server) -> str:
    return (broker.directory / "admin-password").read_text().strip()
