"""Brokers that drip, flood, lie or say nothing, each a server on loopback."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from gzip import compress

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def behaving(behaviour: Behaviour) -> AsyncIterator[str]:
    """A server on loopback that does this with every connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await behaviour(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.close()


def saying(head: bytes, body: bytes) -> Behaviour:
    async def say(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 " + head + b"\r\nConnection: close\r\n\r\n" + body)
        await writer.drain()

    return say


def dripping(head: bytes, body: bytes) -> Behaviour:
    """Well-formed, at ten bytes a second: no time between two bytes is long."""

    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for byte in b"HTTP/1.1 " + head + b"\r\nConnection: close\r\n\r\n" + body:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.1)

    return drip


async def trickle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.01)


async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    while True:
        writer.write(b" " * 65536)
        await writer.drain()


async def silent(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    await asyncio.sleep(3600)


async def endless_head(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X: " + b"y" * 1000 + b"\r\n")
        await writer.drain()


JSON_HEAD = b"200 OK\r\nContent-Type: application/json"
HOSTILE: dict[str, Behaviour] = {
    "silent": silent,
    "trickle": trickle,
    "flood": flood,
    "endless-head": endless_head,
    "nonsense": saying(b"nonsense", b""),
    "html": saying(b"200 OK\r\nContent-Type: text/html", b"<html>"),
    "deep": saying(JSON_HEAD, b'{"result":' + b"[" * 500_000),
    "deep-objects": saying(JSON_HEAD, b'{"a":' * 900 + b"1" + b"}" * 900),
    "ten-mebibytes": saying(JSON_HEAD, b'{"result":"YES","more":"' + b"x" * (10 << 20) + b'"}'),
    "bomb": saying(JSON_HEAD + b"\r\nContent-Encoding: gzip", compress(b" " * (64 << 20))),
    "drips-an-answer": dripping(JSON_HEAD, b'{"result":"YES","offers":[]}'),
    "drips-a-head": dripping(b"200 OK\r\nX: " + b"y" * 1000, b""),
    "compressed": saying(JSON_HEAD + b"\r\nContent-Encoding: gzip", b"\x1f\x8b" + b"\0" * 99),
    "wrong-types": saying(JSON_HEAD, b'{"result":"YES","offers":{"a":1}}'),
    "maybe": saying(JSON_HEAD, b'{"result":"MAYBE"}'),
    "elsewhere": saying(b"303 See Other\r\nLocation: http://127.0.0.1:1/steal", b""),
    "file": saying(b"303 See Other\r\nLocation: file:///etc/passwd", b""),
    "circles": saying(b"303 See Other\r\nLocation: /offersets/x", b""),
    "busy": saying(b"503 Busy\r\nRetry-After: 999999999999999999999", b""),
    "teapot": saying(b"418 Teapot\r\nContent-Type: application/json", b'{"title":1,"status":200}'),
}
