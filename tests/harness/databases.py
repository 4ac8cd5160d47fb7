"""Fixtures: every test of a folder that takes these in runs on both databases."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.harness.broker import USED
from tests.harness.postgres import PostgresServer, postgres_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"], autouse=True)
async def on_database(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """The brokers of this test use one new database of this kind."""
    if request.param == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres")
        USED.url = await server.new_database()
        yield request.param
        await server.drop(USED.url)
        USED.url = "sqlite"
    else:
        yield request.param
