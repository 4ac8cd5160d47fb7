"""A web site on loopback that behaves as badly as it is told to: the fake of all HTTP sources."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple


class Asked(NamedTuple):
    """One request that reached the site. The names of headers are in lower case."""

    method: str
    target: str
    headers: dict[str, str]


Route = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]
"""Writes a whole answer, or part of one. The connection ends with it."""


class Website:
    """Routes by path; every request is remembered in `asked`."""

    def __init__(self, scheme: str, port: int = 0) -> None:
        self.scheme = scheme
        self.port = port
        self.routes: dict[str, Route] = {}
        self.asked: list[Asked] = []

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, target, _ = head[0].split(" ")
            fields = dict(line.split(": ", 1) for line in head[1:] if line)
            asked = Asked(method, target, {name.lower(): text for name, text in fields.items()})
            self.asked.append(asked)
            route = self.routes.get(target.partition("?")[0], answering(404))
            await route(asked, writer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            return  # the client has gone, and says itself what that means
        finally:
            writer.close()


@asynccontextmanager
async def website(context: ssl.SSLContext | None = None) -> AsyncIterator[Website]:
    """A site on a free port of 127.0.0.1, over TLS where a context is given."""
    site = Website("https" if context else "http")
    async with await asyncio.start_server(site.serve, "127.0.0.1", 0, ssl=context) as server:
        site.port = server.sockets[0].getsockname()[1]
        yield site


def answering(status: int, body: bytes = b"", **headers: str) -> Route:
    """A proper answer: a length, and no body to HEAD. `_` in header names stands for `-`."""
    fields = {"Content-Length": str(len(body))}
    fields.update({name.replace("_", "-"): text for name, text in headers.items()})

    async def route(asked: Asked, writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status} Phrase", *(f"{k}: {v}" for k, v in fields.items())]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        if asked.method != "HEAD":
            writer.write(body)

    return route


def sending(raw: bytes) -> Route:
    """These bytes, then the end of the connection."""

    async def route(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)

    return route


def in_turn(*routes: Route) -> Route:
    """The first request gets the first route, and so on; the last one stays."""
    left = list(routes)

    async def route(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(asked, writer)

    return route
