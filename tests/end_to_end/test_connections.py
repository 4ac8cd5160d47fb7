"""Clients that take connections and do nothing with them keep nobody else from being answered."""

import asyncio
import base64
import json
import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.harness.secrecy import plant
from tests.harness.serving import Server, server
from tests.harness.waiting import until

DESCRIPTORS = 256
RESERVE = 128
MANY = 1100
CROWD, OTHER = "127.0.0.2", "127.0.0.3"
"""Addresses of this machine that clients come from."""

SETTINGS = {
    "PLATFORMS__HERE__PLUGIN": "scripted",
    "HTTP__HEADER_TIMEOUT": "1.5",
    "HTTP__SEND_TIMEOUT": "1.5",
    "LOG__FORMAT": "json",
}
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: broker.test\r\n\r\n"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with server(tmp_path_factory.mktemp("broker"), SETTINGS, descriptors=DESCRIPTORS) as made:
        made.ready()
        yield made


Connect = Callable[[str], Awaitable[socket.socket]]


@pytest.fixture
async def connect(broker: Server) -> AsyncIterator[Connect]:
    """Makes connections from an address of this machine, and closes them in the end."""
    made: list[socket.socket] = []
    target = urlsplit(broker.url)

    async def connect(source: str) -> socket.socket:
        one = socket.socket()
        made.append(one)
        one.bind((source, 0))
        one.setblocking(False)  # noqa: FBT003 - it has no name
        await asyncio.get_running_loop().sock_connect(one, (target.hostname, target.port))
        return one

    yield connect
    for one in made:
        one.close()


@pytest.mark.parametrize("sources", [[CROWD], [f"127.1.0.{n}" for n in range(1, 41)]])
async def test_silent_connections_keep_nobody_out(
    broker: Server, connect: Connect, sources: list[str]
) -> None:
    """Of one address or of many, and more than there are descriptors."""
    before, written = await closed(broker, "room"), len(broker.log)
    for number in range(MANY):
        await connect(sources[number % len(sources)])
        if number % 100 == 0:
            await all_is_well(broker, OTHER)
    await all_is_well(broker, OTHER)
    await all_is_well(broker, sources[0])
    assert descriptors(broker) <= DESCRIPTORS - RESERVE // 2
    bound = "address" if len(sources) == 1 else "all"
    assert await closed(broker, "room") - before >= MANY - (DESCRIPTORS - RESERVE)
    told = [json.loads(line) for line in broker.log[written:] if '"too-many"' in line]
    assert {(line["what"], line["bound"]) for line in told} == {("connection", bound)}
    assert len(told) < 10, "not a line for each of them"


async def test_bodies_that_do_not_come_keep_nobody_out(broker: Server, connect: Connect) -> None:
    """Of somebody who is known, from many addresses: each holds its connection for half a minute.
    Whoever is not let in reads why, however many there were before."""
    password = (broker.directory / "admin-password").read_text().strip()
    known = base64.b64encode(f"admin:{plant(password)}".encode()).decode()
    head = (
        "POST /requests HTTP/1.1\r\nHost: broker.test\r\nContent-Type: application/json\r\n"
        f"Authorization: Basic {known}\r\nContent-Length: 99\r\n\r\n{{"
    ).encode()
    loop = asyncio.get_running_loop()
    for number in range(2 * DESCRIPTORS):
        one = await connect(f"127.1.1.{number % 40 + 1}")
        await loop.sock_sendall(one, head)
        if number % 50 == 0:
            await all_is_well(broker, OTHER)
    await all_is_well(broker, OTHER)
    assert not [line for line in broker.log if "Traceback" in line]


async def test_heads_that_come_slowly_are_not_waited_for(broker: Server, connect: Connect) -> None:
    before = await closed(broker, "slow-head")
    slow = [await connect(CROWD) for _ in range(10)]

    async def drip(one: socket.socket) -> bytes:
        """A byte at a time, for ever; what the server says of it."""
        loop = asyncio.get_running_loop()
        answered = asyncio.ensure_future(loop.sock_recv(one, 65536))
        for byte in HEALTH[:-4] + b"a" * 100_000:
            await asyncio.wait([answered], timeout=0.1)
            if answered.done():
                break
            await loop.sock_sendall(one, bytes([byte]))
        return await answered

    async with asyncio.timeout(20):
        answers = await asyncio.gather(*map(drip, slow))
    assert {answer.split()[1] for answer in answers} == {b"408"}
    assert all(b"urn:execution-broker:problem:request-timeout" in answer for answer in answers)
    await all_is_well(broker, CROWD)
    assert await closed(broker, "slow-head") == before + 10


async def test_a_second_request_may_not_come_slowly_either(connect: Connect) -> None:
    one = await connect(CROWD)
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(one, HEALTH)
    assert (await loop.sock_recv(one, 65536)).startswith(b"HTTP/1.1 200")
    await loop.sock_sendall(one, HEALTH[:9])
    async with asyncio.timeout(10):
        assert (await loop.sock_recv(one, 65536)).startswith(b"HTTP/1.1 408")
        assert await loop.sock_recv(one, 65536) == b""


@pytest.mark.parametrize(
    "endless",
    [
        b"GET /healthz HTTP/1.1\r\nX-Long: ",
        b"GET /healthz HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Long: ",
        b"GET /",
    ],
    ids=["head", "trailer", "target"],
)
async def test_heads_without_an_end_are_not_kept(
    broker: Server, connect: Connect, endless: bytes
) -> None:
    one = await connect(CROWD)
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(one, endless)
    before = memory(broker)

    async def pour() -> int:
        sent = 0
        try:
            while sent < 1 << 28:
                await loop.sock_sendall(one, b"a" * 65536)
                sent += 65536
        except ConnectionError:
            pass
        return sent

    async with asyncio.timeout(60):
        assert await pour() < 1 << 26
    assert memory(broker) - before < 1 << 26
    await all_is_well(broker, CROWD)


async def test_readers_that_do_not_read_are_not_waited_for(
    broker: Server, connect: Connect
) -> None:
    """Whether they ask for one thing after the other, or never take the end of one."""
    ask = b"GET /openapi.json HTTP/1.1\r\nHost: broker.test\r\n"
    loop = asyncio.get_running_loop()
    before = descriptors(broker)
    for last in (b"\r\n", b"Connection: close\r\n\r\n"):
        for _ in range(5):
            one = await connect(CROWD)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            await loop.sock_sendall(one, (ask + b"\r\n") * 100 + ask + last)
    await all_is_well(broker, CROWD)

    async def all_are_closed() -> bool:
        return await closed(broker, "slow-reader") == 10

    await until(all_are_closed, 20)
    await no_more_than(before, broker)


async def test_half_closed_connections_are_closed(broker: Server, connect: Connect) -> None:
    before = descriptors(broker)
    for number in range(MANY):
        one = await connect(CROWD)
        if number % 2:
            await asyncio.get_running_loop().sock_sendall(one, HEALTH[:9])
        one.shutdown(socket.SHUT_WR)
    await all_is_well(broker, CROWD)
    await all_is_well(broker, OTHER)
    await no_more_than(before, broker)


async def test_clients_that_vanish_leave_nothing(broker: Server, connect: Connect) -> None:
    before = descriptors(broker)
    for _ in range(300):
        one = await connect(CROWD)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.close()
    await all_is_well(broker, OTHER)
    await no_more_than(before, broker)
    assert await metric(broker, "broker_connections") <= 2


async def all_is_well(broker: Server, source: str) -> None:
    async with client(broker, source) as one:
        assert (await one.get("/healthz")).status_code == 200
        assert (await one.get("/readyz")).status_code == 200
        answer = await one.get("/sessions")
        assert answer.status_code == 200, "the database can be read"


@asynccontextmanager
async def client(broker: Server, source: str) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.AsyncHTTPTransport(local_address=source)
    auth = ("admin", (broker.directory / "admin-password").read_text().strip())
    async with httpx.AsyncClient(
        base_url=broker.url, transport=transport, auth=auth, timeout=20
    ) as one:
        yield one


async def closed(broker: Server, why: str) -> float:
    """How many connections were closed for this reason."""
    return await metric(broker, f'broker_connections_closed_total{{why="{why}"}}')


async def metric(broker: Server, name: str) -> float:
    async with client(broker, OTHER) as one:
        text = (await one.get("/metrics")).text
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return float(values.get(name, 0))


async def no_more_than(before: int, broker: Server) -> None:
    """Until no more files are open than before, but for what serves ourselves."""

    async def is_so() -> bool:
        return descriptors(broker) <= before + 2

    await until(is_so, 20)


def descriptors(broker: Server) -> int:
    return len([*Path(f"/proc/{broker.process.pid}/fd").iterdir()])


def memory(broker: Server) -> int:
    pages = Path(f"/proc/{broker.process.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
