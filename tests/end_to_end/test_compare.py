"""Three whole brokers, one that is silent and one that leads elsewhere: one request to all."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog
import uvicorn

from execution_broker.api.app import create_app
from execution_broker.client import AsyncBrokerClient, Which
from execution_broker.client.comparing import Broker, accept_from, compare_all, let_go_of, trade
from execution_broker.domain.identity import Role
from execution_broker.models import kinds
from execution_broker.models.phases import SessionPhase
from tests.harness.asking import request, uuid_of
from tests.harness.broker import broker

PASSWORD = "a password for the test"


@asynccontextmanager
async def _served(directory: Path, cores: int, price: float) -> AsyncIterator[str]:
    """A broker on loopback, with ada's account."""
    here = {"plugin": "scripted", "cores": cores, "price": price}
    async with broker(directory, platforms={"here": here}) as made:
        await made.services.identities.add("ada", PASSWORD, Role.USER)
        app = create_app(made.services, made.settings.http, structlog.get_logger())
        config = uvicorn.Config(app, port=0, lifespan="off", ws="none", log_config=None)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        async with asyncio.timeout(30):
            while not server.started:  # noqa: ASYNC110  (the server has no event for it)
                await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        server.should_exit = True
        await serving


@asynccontextmanager
async def _answering(answer: bytes | None) -> AsyncIterator[str]:
    """A server that says this to everything, or nothing at all."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if answer is not None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
        else:
            await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


async def test_one_request_to_three_brokers_and_two_that_are_none(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        urls = {
            "dear": await enter(_served(tmp_path / "dear", 4, 2.0)),
            "cheap": await enter(_served(tmp_path / "cheap", 4, 1.0)),
            "small": await enter(_served(tmp_path / "small", 1, 0.1)),
            "silent": await enter(_answering(None)),
        }
        elsewhere = (
            f"HTTP/1.1 303 Go\r\nLocation: {urls['cheap'].replace('127.0.0.1', 'localhost')}/"
        )
        away = f"{elsewhere}offersets/x\r\nContent-Length: 0\r\n\r\n".encode()
        urls["away"] = await enter(_answering(away))
        brokers = [
            Broker(
                name=name,
                url=url,
                username="ada",
                password=PASSWORD,
                deadline=2 if name == "silent" else 30,
            )
            for name, url in urls.items()
        ]
        begun = time.monotonic()
        found = await compare_all(request(cores=2), brokers, lambda: datetime.now(UTC))
        assert time.monotonic() - begun < 30
        reasons = {refusal.broker: refusal for refusal in found.refusals}
        assert set(reasons) == {"small", "silent", "away"}
        assert reasons["small"].is_no
        assert "2 s" in reasons["silent"].reason
        assert "not followed" in reasons["away"].reason
        dear = [bid for bid in found.bids if bid.broker == "dear"]
        cheap = [bid for bid in found.bids if bid.broker == "cheap"]
        assert dear
        assert cheap
        first = trade(dear[0], cheap[0]).costs[kinds.COST_MONETARY]
        assert first == pytest.approx(-0.5)
        await accept_from(cheap[0], brokers)
        others = [bid for bid in found.bids if bid is not cheap[0] and bid.broker == "dear"]
        assert await let_go_of(others, brokers) == ()
        async with AsyncBrokerClient(urls["cheap"], "ada", PASSWORD) as client:
            session = await client.session(cheap[0].uuid)
            assert session.phase is SessionPhase.ACCEPTED
        async with AsyncBrokerClient(urls["dear"], "ada", PASSWORD) as client:
            phases = {(await client.session(bid.uuid)).phase for bid in dear}
            assert phases == {SessionPhase.REJECTED}


async def test_a_lost_answer_is_asked_for_again_under_its_key(tmp_path: Path) -> None:
    """Our own brokers say in their description that they honour keys."""
    async with (
        _served(tmp_path, 4, 0.0) as url,
        _losing(url) as lossy,
        AsyncBrokerClient(lossy, "ada", PASSWORD) as client,
    ):
        answer = await client.request(request())
        assert answer.result == "YES"
        phases = {(await client.session(uuid_of(o))).phase for o in answer.offers}
        assert phases == {SessionPhase.OFFERED}
        assert len((await client.offersets()).offersets) == 1
        first, *_ = answer.offers
        await client.cancel(uuid_of(first))
        listed = await client.sessions(Which(phases=[SessionPhase.CANCELLED]))
        assert [one.uuid for one in listed.sessions] == [uuid_of(first)]
        assert len((await client.events(uuid_of(first))).events) >= 1
        seen = [one.phase async for one in client.watch(uuid_of(first))]
        assert seen == [SessionPhase.CANCELLED]


@asynccontextmanager
async def _losing(url: str) -> AsyncIterator[str]:
    """A way to a broker on which the first answer to a POST is lost."""
    port = int(url.rpartition(":")[2])
    lost: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        head = await reader.readuntil(b"\r\n\r\n")
        sizes = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
        body = await reader.readexactly(int(sizes[0].partition(b":")[2])) if sizes else b""
        back.write(head.replace(b"\r\n", b"\r\nConnection: close\r\n", 1) + body)
        answer = await there.read()
        if head.startswith(b"POST") and not lost:
            lost.append(answer)
        else:
            writer.write(answer)
            await writer.drain()
        writer.close()
        back.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    assert lost, "an answer was lost on the way"
