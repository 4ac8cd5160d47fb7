"""The databases that every storage test runs on."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from execution_broker.storage.postgres import PostgresDatabase
from execution_broker.storage.sqlite import SqliteDatabase
from tests.harness.databases import DATABASES, SERVERS
from tests.harness.postgres import PostgresServer
from tests.harness.sqlite import with_tables


@pytest.fixture(params=DATABASES)
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Any]:
    """An empty database with tables. Its `shift` moves its clock."""
    opened: SqliteDatabase | PostgresDatabase
    if request.param == "sqlite":
        path = tmp_path / "broker.sqlite"
        with_tables(path)
        opened = SqliteDatabase(path)
    else:
        server: PostgresServer = request.getfixturevalue(request.param)
        opened = PostgresDatabase(await server.new_database())
    yield opened
    await opened.close()


@pytest.fixture(params=SERVERS)
def each_postgres(request: pytest.FixtureRequest) -> PostgresServer:
    """For what only a server has."""
    server: PostgresServer = request.getfixturevalue(request.param)
    return server
