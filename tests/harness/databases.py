"""Fixtures: every test of a folder that takes these in runs on each database.

PostgreSQL is there twice: the newest one, from the pip-installable binaries, and the one that the
system has, which is older as a rule.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Final

import pytest

from tests.harness.broker import USED
from tests.harness.postgres import PostgresServer, postgres_server
from tests.harness.system_postgres import system_postgres_server

SERVERS: Final = ("postgres", "system_postgres")
"""The fixtures below that are servers."""

DATABASES: Final = ("sqlite", *SERVERS)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def system_postgres() -> Iterator[PostgresServer]:
    with system_postgres_server() as server:
        yield server


@pytest.fixture(params=DATABASES, autouse=True)
async def on_database(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """The brokers of this test use one new database of this kind."""
    if request.param in SERVERS:
        server: PostgresServer = request.getfixturevalue(request.param)
        USED.new, USED.drop = server.new_database, server.drop
        async with another_database():
            yield request.param
        USED.new = USED.drop = None
    else:
        yield request.param


@asynccontextmanager
async def another_database() -> AsyncIterator[None]:
    """The brokers made meanwhile share nothing with those before: a new database of the kind at
    hand. With SQLite each directory has its own anyway."""
    if USED.new is None or USED.drop is None:
        yield
        return
    before, USED.url = USED.url, await USED.new()
    try:
        yield
    finally:
        await USED.drop(USED.url)
        USED.url = before
