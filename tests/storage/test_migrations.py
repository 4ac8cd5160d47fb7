"""What an older version left is still there after an upgrade, and after a way back."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic import command
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from execution_broker.storage import migrate
from tests.harness.postgres import PostgresServer


def test_steps_of_the_first_version_can_be_claimed_when_they_were_due(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    with create_engine(f"sqlite:///{path}", poolclass=NullPool).begin() as connection:
        command.upgrade(migrate.alembic_config(connection), "0001")
    with closing(sqlite3.connect(path)) as old, old:
        old.executemany(
            "INSERT INTO step (uuid, kind, key, phase, due_at, leased_at, created_at)"
            " VALUES (?, 'k', ?, ?, 5, ?, 1)",
            [("u1", "ready", "READY", None), ("u2", "leased", "RUNNING", 9)],
        )
    migrate.upgrade_sqlite(path)
    with closing(sqlite3.connect(path)) as new:
        found = new.execute("SELECT key, free_at FROM step ORDER BY id").fetchall()
    assert found == [("ready", 5), ("leased", 9)]
    assert path.with_name("old.sqlite.before-" + migrate.head()).exists()


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_every_upgrade_has_a_way_back(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    """To the first version and to nothing at all, and up again: the tables are the same, and a
    step waits and is leased as it was."""
    async with _engine(kind, tmp_path, request) as run:
        await run(_to_head)
        await run(_add_steps)
        await run(lambda connection: command.downgrade(migrate.alembic_config(connection), "0001"))
        assert await run(_leases) == [("leased", True), ("ready", False)]
        await run(_to_head)
        assert await run(migrate.drift) == []
        assert await run(_free) == [("leased", True), ("ready", True)]
        await run(lambda connection: command.downgrade(migrate.alembic_config(connection), "base"))
        await run(_to_head)
        assert await run(migrate.drift) == []
        assert await run(_free) == []


@asynccontextmanager
async def _engine(kind: str, directory: Path, request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    """Runs work, each in a transaction."""
    if kind == "sqlite":
        plain = create_engine(f"sqlite:///{directory / 'way.sqlite'}", poolclass=NullPool)

        async def on_sqlite(work: Any) -> Any:
            with plain.begin() as connection:
                return work(connection)

        yield on_sqlite
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    url = await server.new_database()
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(url), poolclass=NullPool
    )

    async def on_postgres(work: Any) -> Any:
        async with engine.begin() as connection:
            return await connection.run_sync(work)

    yield on_postgres
    await engine.dispose()


def _to_head(connection: Connection) -> None:
    command.upgrade(migrate.alembic_config(connection), "head")


def _add_steps(connection: Connection) -> None:
    now = "5" if connection.dialect.name == "sqlite" else "now()"
    for number, (key, phase) in enumerate([("ready", "READY"), ("leased", "RUNNING")]):
        uuid = f"00000000-0000-0000-0000-00000000000{number}"
        connection.execute(
            text(
                "INSERT INTO step (uuid, kind, key, phase, due_at, free_at, created_at)"
                f" VALUES ('{uuid}', 'k', '{key}', '{phase}', {now}, {now}, {now})"
            )
        )


def _leases(connection: Connection) -> list[Any]:
    found = connection.execute(text("SELECT key, leased_at IS NOT NULL FROM step ORDER BY key"))
    return [(row[0], bool(row[1])) for row in found]


def _free(connection: Connection) -> list[Any]:
    found = connection.execute(text("SELECT key, free_at IS NOT NULL FROM step ORDER BY key"))
    return [(row[0], bool(row[1])) for row in found]
