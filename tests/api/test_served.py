"""The application behind a real server: what only a connection can show."""

import asyncio
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from typing import NamedTuple

import pytest
import uvicorn
from structlog.testing import LogCapture
from structlog.typing import FilteringBoundLogger

from execution_broker.api.app import create_app
from execution_broker.config import Http
from tests.api import fakes

HEAD = (
    b"Host: broker.test\r\nAuthorization: Basic YWRhOmFkYS1wYXNzd29yZA==\r\n"
    b"Content-Type: application/json\r\n"
)
SECONDS = 10


class Connection(NamedTuple):
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def answer(self) -> tuple[int, dict[str, str]]:
        """The status and the headers of the next answer."""
        async with asyncio.timeout(SECONDS):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        first, *fields = head.strip().split("\r\n")
        headers = {name.lower(): value for name, value in (f.split(": ", 1) for f in fields)}
        return int(first.split()[1]), headers

    async def rest(self) -> bytes:
        """What comes until the server closes the connection."""
        async with asyncio.timeout(SECONDS):
            return await self.reader.read()


@pytest.fixture
async def connection(
    world: fakes.World, http: Http, log: FilteringBoundLogger
) -> AsyncIterator[Connection]:
    app = create_app(fakes.services(world), http, log, body_seconds=0.2)
    config = uvicorn.Config(app, port=0, lifespan="off", ws="none", log_config=None)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    await _until(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    yield Connection(reader, writer)
    writer.close()
    server.should_exit = True
    await asyncio.wait_for(serving, SECONDS)


async def test_a_body_that_is_too_large_is_answered_and_passed_over(
    connection: Connection,
) -> None:
    connection.writer.write(b"POST /requests HTTP/1.1\r\n" + HEAD)
    connection.writer.write(b"Transfer-Encoding: chunked\r\n\r\n")
    for _ in range(10):
        connection.writer.write(b"4000\r\n" + b" " * 0x4000 + b"\r\n")
    status, headers = await connection.answer()
    assert status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    problem = await connection.reader.readexactly(int(headers["content-length"]))
    assert b"body-too-large" in problem
    connection.writer.write(b"0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: broker.test\r\n\r\n")
    assert (await connection.answer())[0] == HTTPStatus.OK


async def test_a_body_that_does_not_come_is_not_waited_for(connection: Connection) -> None:
    connection.writer.write(b"POST /requests HTTP/1.1\r\n" + HEAD + b"Content-Length: 9\r\n\r\n{")
    status, headers = await connection.answer()
    assert (status, headers["connection"]) == (HTTPStatus.REQUEST_TIMEOUT, "close")
    assert b"request-timeout" in await connection.rest()


async def test_a_client_that_leaves_is_no_fault_of_ours(
    connection: Connection, lines: LogCapture
) -> None:
    connection.writer.write(b"POST /requests HTTP/1.1\r\n" + HEAD + b"Content-Length: 9\r\n\r\n{")
    await connection.writer.drain()
    connection.writer.close()
    await _until(lambda: bool(lines.entries))
    assert [line["event"] for line in lines.entries] == ["request-answered"]


async def test_head_leaves_the_connection_usable(connection: Connection) -> None:
    connection.writer.write(b"HEAD /openapi.json HTTP/1.1\r\nHost: broker.test\r\n\r\n")
    connection.writer.write(b"GET /healthz HTTP/1.1\r\nHost: broker.test\r\n\r\n")
    status, headers = await connection.answer()
    assert (status, int(headers["content-length"]) > 1000) == (HTTPStatus.OK, True)
    status, headers = await connection.answer()
    assert (status, headers["content-length"]) == (HTTPStatus.OK, "14")


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not condition():  # noqa: ASYNC110  (neither the server nor the log has an event)
            await asyncio.sleep(0.01)
