"""The asynchronous client is the blocking one, awaited."""

import asyncio
import hashlib
import inspect
import random
from pathlib import Path

import pytest

from execution_broker.client import AsyncBrokerClient, BrokerClient, BrokerRefused, Unreachable
from execution_broker.client.events import HEARTBEAT, EventReader
from execution_broker.models.executable import JupyterNotebook
from execution_broker.models.execution import ExecutionRequest
from execution_broker.models.phases import SessionPhase
from tests.client.fake_broker import LIFE, FakeBroker, offer

REQUEST = ExecutionRequest(executable=JupyterNotebook(location="https://example.org/fit.ipynb"))


def test_both_say_the_same() -> None:
    ours = {name: m for name, m in vars(BrokerClient).items() if not name.startswith("_")}
    theirs = {name: m for name, m in vars(AsyncBrokerClient).items() if not name.startswith("_")}
    assert ours.keys() == theirs.keys()
    for name, method in ours.items():
        if callable(method):
            other = theirs[name]
            assert list(inspect.signature(method).parameters) == list(
                inspect.signature(other).parameters
            )


async def test_a_life(broker: FakeBroker, tmp_path: Path) -> None:
    broker.streams["stdout"] = b"hello"
    broker.outputs = {"out.txt": b"content" * 100_000}
    async with AsyncBrokerClient(broker.url, "ada", "lovelace", sleep=_no_time) as client:
        answer = await client.request(REQUEST)
        first, second = (str(one.meta.uuid) for one in answer.offers if one.meta)
        assert (await client.accept(first)).phase is SessionPhase.ACCEPTED
        assert (await client.reject(second)).phase is SessionPhase.REJECTED
        seen = [session.phase async for session in client.watch(first)]
        assert seen[-len(LIFE) :] == list(LIFE)
        assert await client.stream(first, "stdout") == b"hello"
        assert b"".join([part async for part in client.follow(first, "stdout")]) == b"hello"
        target = await client.fetch(first, "out.txt", tmp_path / "out.txt")
        digest = hashlib.sha256(broker.outputs["out.txt"]).hexdigest()
        assert hashlib.sha256(target.read_bytes()).hexdigest() == digest
        with pytest.raises(BrokerRefused):
            await client.session("nowhere")
        assert await client.ready()


async def test_many_at_once_through_one_client(broker: FakeBroker) -> None:
    uuids = [broker.keep(offer(None, 1, 0, SessionPhase.ACCEPTED)) for _ in range(8)]
    broker.has_events = True
    async with AsyncBrokerClient(broker.url, "ada", "lovelace", sleep=_no_time) as client:

        async def last(uuid: str) -> SessionPhase | None:
            phases = [session.phase async for session in client.watch(uuid)]
            return phases[-1]

        found = await asyncio.gather(*(last(uuid) for uuid in uuids))
    assert found == [SessionPhase.COMPLETED] * 8


async def test_a_token_may_take_a_while(broker: FakeBroker) -> None:
    fresh = iter(["old", "new"])
    broker.tokens = {"new": "ada"}

    async def token() -> str:
        await asyncio.sleep(0)
        return next(fresh)

    async with AsyncBrokerClient(broker.url, token=token) as client:
        assert (await client.request(REQUEST)).result == "YES"


async def test_nobody(nobody: str) -> None:
    async with AsyncBrokerClient(nobody, sleep=_no_time) as client:
        with pytest.raises(Unreachable):
            await client.request(REQUEST)
        assert await client.ready() is False


def test_events_are_looked_at_as_they_come(broker: FakeBroker, client: BrokerClient) -> None:
    broker.has_events, broker.looks_per_step = True, 2
    uuid = broker.keep(offer(None, 1, 0, SessionPhase.ACCEPTED))
    phases = [session.phase for session in client.watch(uuid)]
    assert phases == [SessionPhase.ACCEPTED, *LIFE]
    listened = [call for call in broker.calls if call.path.endswith("/events")]
    assert len(listened) >= 2
    assert "last-event-id" not in listened[0].headers
    assert listened[1].headers["last-event-id"] == "2"


def test_a_watch_that_is_left_closes_what_it_opened(
    broker: FakeBroker, client: BrokerClient
) -> None:
    broker.has_events = True
    uuid = broker.keep(offer(None, 1, 0, SessionPhase.ACCEPTED))
    watched = client.watch(uuid)
    assert next(watched).phase is SessionPhase.ACCEPTED
    next(watched)
    watched.close()  # type: ignore[attr-defined]
    assert client.session(uuid).phase is not None


STREAM = (
    b": hello\n\n"
    b"id: 1\nevent: phase\ndata: {\ndata: }\n\n"
    b"data\r\n\r\nid: 2\rdata: \xe2\x98\x83\r\rid: 3\n\nevent: lost\n\ndata: last\n\n"
)


@pytest.mark.parametrize("seed", range(20))
def test_events_are_the_same_however_they_are_cut(seed: int) -> None:
    cuts = sorted(random.Random(seed).sample(range(1, len(STREAM)), seed))
    pieces = [STREAM[a:b] for a, b in zip([0, *cuts], [*cuts, len(STREAM)], strict=True)]
    reader = EventReader()
    found = [event for piece in pieces for event in reader.feed(piece)]
    assert [(event.event, event.data, event.id) for event in found] == [
        (HEARTBEAT, "hello", None),
        ("phase", "{\n}", "1"),
        ("message", "", "1"),
        ("message", "\u2603", "2"),
        ("message", "last", "3"),
    ]


async def _no_time(_: float) -> None:
    return
