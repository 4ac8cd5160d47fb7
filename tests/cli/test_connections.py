"""The server where all connections are busy: who is told what, and who is let in again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import httpx
import msgspec
import pytest
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from execution_broker.cli.connections.bounds import Bounds
from execution_broker.cli.connections.server import Server
from execution_broker.cli.listening import listen
from execution_broker.config import Http
from execution_broker.metering import PrometheusMeter
from tests.harness.waiting import until

BOUNDS: Final = Bounds(in_all=6, of_address=3)
ADDRESSES: Final = [f"127.0.0.{n}" for n in range(2, 2 + BOUNDS.in_all)]
GET: Final = b"GET / HTTP/1.1\r\nHost: broker.test\r\n\r\n"
SECONDS: Final = 20

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class World:
    """A server, and an application that answers once it is `free`."""

    def __init__(self, http: Http) -> None:
        self.free = asyncio.Event()
        self.asked = 0
        self.meter = PrometheusMeter()
        self.server = Server(self._answer, http, BOUNDS, self.meter, drain=1)
        self.port = 0
        self._made: list[Connection] = []

    async def busy(self, *sources: str) -> list[Connection]:
        """Connections on each of which a request is carried out."""
        expected = self.asked + len(sources)
        made = [await self.connect(source) for source in sources]
        for _, writer in made:
            writer.write(GET)

        async def have_come() -> bool:
            return self.asked == expected

        await until(have_come)
        return made

    async def connect(self, source: str) -> Connection:
        made = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(source, 0))
        self._made.append(made)
        return made

    async def end(self) -> None:
        """Close all that were made."""
        for _, writer in self._made:
            writer.close()
        for _, writer in self._made:
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def get(self, source: str) -> httpx.Response:
        transport = httpx.AsyncHTTPTransport(local_address=source)
        async with httpx.AsyncClient(transport=transport, timeout=SECONDS) as client:
            return await client.get(f"http://127.0.0.1:{self.port}/")

    def counted(self, what: str) -> float:
        lines = self.meter.text().decode().splitlines()
        return float(next(line for line in lines if line.startswith(what)).split()[-1])

    async def _answer(self, _scope: Any, _receive: Any, send: Any) -> None:
        self.asked += 1
        await self.free.wait()
        head = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": b"ok"})


@asynccontextmanager
async def serving(http: Http) -> AsyncIterator[World]:
    world = World(http)
    with listen("127.0.0.1:0") as listening:
        world.port = listening.getsockname()[1]
        task = asyncio.create_task(world.server.serve([listening]))
        try:
            yield world
        finally:
            world.free.set()
            await world.end()
            world.server.should_exit = True
            await asyncio.wait_for(task, SECONDS)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with serving(Http()) as world:
        yield world


def problem_of(answer: httpx.Response) -> str:
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["connection"] == "close"
    said = msgspec.json.decode(answer.content)
    assert said["status"] == answer.status_code
    assert said["remedy"]
    return str(said["type"]).rpartition(":")[2]


async def test_an_address_whose_connections_are_all_busy_waits(world: World) -> None:
    await world.busy(*["127.0.0.2"] * BOUNDS.of_address)
    answer = await world.get("127.0.0.2")
    assert (answer.status_code, problem_of(answer)) == (429, "too-many")
    assert world.counted('broker_too_many_total{bound="address",what="connection"}') == 1
    elsewhere = asyncio.create_task(world.get("127.0.0.3"))
    world.free.set()
    assert (await elsewhere).status_code == 200
    assert (await world.get("127.0.0.2")).status_code == 200, "one of them is closed for it"


async def test_where_all_connections_are_busy_everybody_waits(world: World) -> None:
    held = await world.busy(*ADDRESSES)
    answer = await world.get("127.0.0.99")
    assert (answer.status_code, problem_of(answer)) == (503, "unavailable")
    assert world.counted('broker_too_many_total{bound="all",what="connection"}') == 1
    held[0][1].close()
    world.free.set()
    assert (await world.get("127.0.0.99")).status_code == 200


async def test_a_crowd_that_is_turned_away_does_not_stay(world: World) -> None:
    """A few are told why and given time to read it, the rest is just closed."""
    await world.busy(*ADDRESSES)
    crowd = [await world.connect("127.0.0.99") for _ in range(50)]
    async with asyncio.timeout(SECONDS):
        told = [await _all_of(reader) for reader, _ in crowd]
    assert {text[:12] for text in told} == {b"HTTP/1.1 503", b""}
    assert 0 < sum(1 for text in told if text) <= 16


def test_the_loop_that_serves_tells_everybody_why_however_many_there_were() -> None:
    """uvloop's transports are none of asyncio's classes."""

    async def turn_away() -> None:
        async with serving(Http()) as world:
            await world.busy(*ADDRESSES)
            for _ in range(40):
                answer = await world.get("127.0.0.99")
                assert (answer.status_code, problem_of(answer)) == (503, "unavailable")

    uvloop.run(turn_away())


async def test_the_one_that_was_idle_for_longest_is_closed(world: World) -> None:
    world.free.set()
    made = [await world.connect(one) for one in ADDRESSES]
    for one in (made[2], made[0], made[1], *made[3:]):
        await _answered(one)
    for expected in (2, 0, 1):
        await _answered(await world.connect("127.0.0.99"))
        async with asyncio.timeout(SECONDS):
            assert await _all_of(made[expected][0]) == b""
    assert not any(reader.at_eof() for reader, _ in made[3:])


async def test_nobody_is_idle_for_ever() -> None:
    async with serving(Http(idle_timeout=0.2)) as world, asyncio.timeout(SECONDS):
        world.free.set()
        one = await world.connect("127.0.0.2")
        for _ in range(2):
            await _answered(one)
        assert await _all_of(one[0]) == b""


async def test_a_trusted_proxy_has_what_there_is() -> None:
    async with serving(Http(trusted_proxies=("127.0.0.2",))) as world:
        await world.busy(*["127.0.0.2"] * BOUNDS.in_all)
        assert (await world.get("127.0.0.2")).status_code == 503


async def test_requests_that_are_sent_ahead_are_not_all_read(world: World) -> None:
    """Somebody who sends and sends, and takes every answer, has a bounded number of them here."""
    world.free.set()
    reader, writer = await world.connect("127.0.0.2")
    most = taken = 0
    sending = asyncio.create_task(_send(writer, GET * 10_000, 10))
    async with asyncio.timeout(SECONDS):
        while taken < 500 * 80:
            taken += len(await reader.read(1000))
            [served] = world.server.server_state.connections
            assert isinstance(served, HttpToolsProtocol)
            most = max(most, len(served.pipeline))
    assert 0 < most < 10_000
    sending.cancel()
    writer.transport.abort()


async def _answered(connection: Connection) -> None:
    reader, writer = connection
    writer.write(GET)
    async with asyncio.timeout(SECONDS):
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")


async def _send(writer: asyncio.StreamWriter, text: bytes, times: int) -> None:
    for _ in range(times):
        writer.write(text)
        await writer.drain()


async def _all_of(reader: asyncio.StreamReader) -> bytes:
    """What comes until it is closed, one way or another."""
    text = b""
    try:
        while piece := await reader.read(1 << 16):
            text += piece
    except ConnectionError:
        pass
    return text
