"""Asks an HTTP server over and over, with as little of its own as can be: plain sockets."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final, NamedTuple
from urllib.parse import urlsplit

_LENGTH: Final = b"content-length:"


class Load(NamedTuple):
    """What came back: answers, in how many seconds, by status; the last body."""

    answers: int
    seconds: float
    statuses: dict[int, int]
    body: bytes

    @property
    def rate(self) -> float:
        return self.answers / self.seconds


class Clients:
    """Clients with a connection each, which they keep from one load to the next."""

    def __init__(
        self, connections: Sequence[tuple[asyncio.StreamReader, asyncio.StreamWriter]]
    ) -> None:
        self._connections = connections

    async def ask(self, count: int, request: bytes) -> Load:
        """The same request, as it goes over the wire, so many times in all."""
        numbers = iter(range(count))
        statuses: dict[int, int] = {}
        last = b""

        async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal last
            for _ in numbers:
                writer.write(request)
                status, last = await _answer(reader)
                statuses[status] = statuses.get(status, 0) + 1

        start = time.perf_counter()
        await asyncio.gather(*(client(*connection) for connection in self._connections))
        return Load(count, time.perf_counter() - start, statuses, last)


@asynccontextmanager
async def connected(urls: Sequence[str], clients: int) -> AsyncIterator[Clients]:
    """So many clients, spread evenly over servers."""
    connections: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    try:
        for number in range(clients):
            parts = urlsplit(urls[number % len(urls)])
            assert parts.hostname is not None
            connections.append(
                await asyncio.open_connection(parts.hostname, parts.port, limit=1 << 20)
            )
        yield Clients(connections)
    finally:
        for _, writer in connections:
            writer.close()


async def ask(url: str, clients: int, count: int, request: bytes) -> Load:
    """The same request so many times in all, by so many clients with a new connection each."""
    start = time.perf_counter()
    async with connected([url], clients) as asking:
        load = await asking.ask(count, request)
        return load._replace(seconds=time.perf_counter() - start)


def get(path: str, authorization: str) -> bytes:
    return (
        f"GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: {authorization}\r\n"
        "Accept: application/json\r\n\r\n"
    ).encode()


def post(path: str, authorization: str, body: bytes) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: {authorization}\r\n"
        "Content-Type: application/json\r\nAccept: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        if line.lower().startswith(_LENGTH):
            length = int(line[len(_LENGTH) :])
    return int(head[9:12]), await reader.readexactly(length)
