"""Who is told by a webhook: a server of its own on this machine, which checks what it gets as
standardwebhooks.com says."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple


class Received(NamedTuple):
    """A notice as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def type(self) -> str:
        return str(self.values["type"])

    @property
    def data(self) -> dict[str, Any]:
        found: dict[str, Any] = self.values["data"]
        return found

    @property
    def values(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    def is_signed(self, secret: str) -> bool:
        """Whether it is from somebody who has the secret."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        content = b".".join(
            (self.id.encode(), self.headers["webhook-timestamp"].encode(), self.body)
        )
        digest = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        return hmac.compare_digest(self.headers["webhook-signature"], f"v1,{digest}")


class Receiver:
    """`statuses`: what it answers in turn, and then 204. While `holding` is set it answers
    nothing."""

    def __init__(self, statuses: Sequence[int]) -> None:
        self.received: list[Received] = []
        self.holding = False
        self.url = ""
        self._statuses = list(statuses)
        self._writers: list[asyncio.StreamWriter] = []

    def of_type(self, type_: str) -> list[Received]:
        return [one for one in self.received if one.type == type_]

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        try:
            await self._answer(reader, writer)
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines if line)
        }
        body = await reader.readexactly(int(headers["content-length"]))
        self.received.append(Received(first.split()[1], headers, body))
        if self.holding:
            await reader.read()
            return
        status = self._statuses.pop(0) if self._statuses else 204
        location = f"Location: {self.url}/elsewhere\r\n"
        writer.write(f"HTTP/1.1 {status} X\r\n{location}Content-Length: 0\r\n\r\n".encode())
        await writer.drain()

    async def close(self) -> None:
        """Let every connection go."""
        for writer in self._writers:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


@asynccontextmanager
async def receiver(*statuses: int) -> AsyncIterator[Receiver]:
    """One that listens while the body runs."""
    made = Receiver(statuses)
    server = await asyncio.start_server(made.answer, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()
        await made.close()
