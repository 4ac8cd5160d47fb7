"""Asks an HTTP server over and over, with as little of its own as can be: plain sockets."""

import asyncio
import time
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


async def ask(url: str, clients: int, count: int, request: bytes) -> Load:
    """The same request, as it goes over the wire, so many times in all, by so many clients with a
    connection each."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    numbers = iter(range(count))
    statuses: dict[int, int] = {}
    last = b""

    async def client() -> None:
        nonlocal last
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=1 << 20)
        try:
            for _ in numbers:
                writer.write(request)
                status, last = await _answer(reader)
                statuses[status] = statuses.get(status, 0) + 1
        finally:
            writer.close()

    start = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return Load(count, time.perf_counter() - start, statuses, last)


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
