"""A server that ends a connection says so before it closes it: nobody gets such a connection."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from execution_broker.storage import sessions
from execution_broker.storage.database import Connection
from execution_broker.storage.postgres import PostgresDatabase
from tests.harness.postgres import PostgresServer

TEXT = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"
ENDED = b"E" + (len(TEXT) + 4).to_bytes(4, "big") + TEXT
"""What PostgreSQL sends as its last message."""


class Between:
    """Stands between the broker and its server, and ends connections as that does."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._clients: list[asyncio.StreamWriter] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_unix_connection(self._socket)
        self._clients.append(writer)
        for source, target in ((reader, ours), (theirs, writer)):
            self._tasks.append(asyncio.create_task(_pass_on(source, target)))

    async def end(self) -> None:
        """Every connection is told that it is ended, and not closed yet."""
        for client in self._clients:
            client.write(ENDED)
            await client.drain()
        for _ in range(20):  # for as many turns of the loop as the message may need
            await asyncio.sleep(0)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for client in self._clients:
            client.close()


async def _pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while piece := await source.read(65536):
            target.write(piece)
            await target.drain()
    finally:
        target.close()


@asynccontextmanager
async def between(url: str) -> AsyncIterator[tuple[str, Between]]:
    parts = urlsplit(url)
    (directory,) = parse_qs(parts.query)["host"]
    (port,) = parse_qs(parts.query).get("port", ["5432"])
    made = Between(Path(directory) / f".s.PGSQL.{port}")
    server = await asyncio.start_server(made.accept, "127.0.0.1", 0)
    address, port = server.sockets[0].getsockname()[:2]
    try:
        yield f"postgresql://postgres:@{address}:{port}{parts.path}", made
    finally:
        server.close()
        await made.close()


@pytest.mark.parametrize("how", ["look", "read", "write"])
async def test_who_gets_a_connection_that_was_ended_gets_another_one(
    each_postgres: PostgresServer, how: str
) -> None:
    async with between(await each_postgres.new_database()) as (url, server):
        database = PostgresDatabase(url)
        try:
            ask = partial(sessions.see, uuid=uuid4())
            await asyncio.gather(*(database.look(ask) for _ in range(3)))
            await server.end()
            if how == "look":
                assert await database.look(ask) is None
            else:

                async def work(connection: Connection) -> object:
                    return await sessions.see(connection, uuid4())

                assert await getattr(database, how)(work) is None
        finally:
            await database.close()
