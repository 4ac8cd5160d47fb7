"""What an older version left is still there after an upgrade, and after a way back."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest
from alembic import command
from sqlalchemy import Connection, create_engine, select, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from execution_broker.domain.waking import Needs
from execution_broker.storage import migrate
from execution_broker.storage.tables import step
from tests.harness.databases import DATABASES
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


def test_steps_that_waited_for_preparation_are_left_to_the_plan(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    with create_engine(f"sqlite:///{path}", poolclass=NullPool).begin() as connection:
        command.upgrade(migrate.alembic_config(connection), "0007")
    with closing(sqlite3.connect(path)) as old, old:
        old.executemany(
            "INSERT INTO session (id, uuid, offerset_id, identity_id, platform_id, phase, format,"
            " document, terms, created_at, modified_at, expires_at)"
            " VALUES (?, ?, 1, 1, 1, ?, 1, '{}', '{}', 1, 1, 1)",
            [(1, "s1", "WAITING"), (2, "s2", "PREPARING")],
        )
        old.executemany(
            "INSERT INTO step (uuid, session_id, kind, key, phase, due_at, created_at)"
            " VALUES (?, ?, 'k', ?, ?, 5, 1)",
            [
                ("u1", 1, "begin", "READY"),
                ("u2", 1, "start", "DORMANT"),
                ("u3", 2, "start", "WAITING"),
                ("u4", 2, "finish", "DORMANT"),
            ],
        )
    migrate.upgrade_sqlite(path)
    with closing(sqlite3.connect(path)) as new:
        found = new.execute("SELECT session_id, key FROM step ORDER BY id").fetchall()
    assert found == [(1, "begin"), (2, "start"), (2, "finish")]


@pytest.mark.parametrize("kind", DATABASES)
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
    server: PostgresServer = request.getfixturevalue(kind)
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


@pytest.mark.parametrize("kind", DATABASES)
async def test_what_steps_wait_for_is_the_same_as_edges_and_with_them(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    async with _engine(kind, tmp_path, request) as run:
        await run(_to_head)
        await run(lambda connection: command.downgrade(migrate.alembic_config(connection), "0009"))
        await run(_add_a_session)
        edges = await run(_edges)
        await run(_to_head)
        assert await run(_needs) == [
            ("begin", "COMPLETED", Needs()),
            ("finish", "DORMANT", Needs(after=("begin", "start"))),
            ("start", "DORMANT", Needs(needs=("begin",))),
        ]
        await run(lambda connection: command.downgrade(migrate.alembic_config(connection), "0009"))
        assert await run(_edges) == edges


@pytest.mark.parametrize("kind", DATABASES)
async def test_documents_in_parts_are_not_left_to_a_version_that_cannot_read_them(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    async with _engine(kind, tmp_path, request) as run:
        await run(_to_head)
        await run(lambda connection: command.downgrade(migrate.alembic_config(connection), "0009"))
        await run(_add_a_session)
        await run(lambda connection: command.upgrade(migrate.alembic_config(connection), "0013"))
        await run(lambda connection: connection.exec_driver_sql(f"{_IN_PARTS} '{{}}'"))
        await run(lambda connection: command.downgrade(migrate.alembic_config(connection), "0013"))
        with pytest.raises(RuntimeError, match=r"^1 answers .* older versions cannot read"):
            await run(lambda one: command.downgrade(migrate.alembic_config(one), "0012"))
        await run(lambda connection: connection.exec_driver_sql(f"{_IN_PARTS} NULL"))
        await run(lambda connection: command.downgrade(migrate.alembic_config(connection), "0012"))
        await run(_to_head)
        assert await run(migrate.drift) == []


_IN_PARTS = "UPDATE offerset SET asked ="


def _add_a_session(connection: Connection) -> None:
    now = "5" if connection.dialect.name == "sqlite" else "now()"
    uuid = "00000000-0000-0000-0000-00000000000"
    for statement in (
        "INSERT INTO identity (id, uuid, username, role, created_at)"
        f" VALUES (1, '{uuid}1', 'a', 'user', {now})",
        "INSERT INTO platform (id, name, capacity) VALUES (1, 'p', '{}')",
        "INSERT INTO offerset (id, uuid, identity_id, result, format, document, plans, created_at)"
        f" VALUES (1, '{uuid}1', 1, 'YES', 1, '{{}}', '{{}}', {now})",
        "INSERT INTO session (id, uuid, offerset_id, identity_id, platform_id, phase, format,"
        " document, terms, created_at, modified_at, expires_at)"
        f" VALUES (1, '{uuid}1', 1, 1, 1, 'PREPARING', 1, '{{}}', '{{}}', {now}, {now}, {now})",
    ):
        connection.exec_driver_sql(statement)
    steps = [("begin", "COMPLETED"), ("start", "WAITING"), ("finish", "WAITING")]
    for number, (key, phase) in enumerate(steps, 1):
        connection.exec_driver_sql(
            "INSERT INTO step (id, uuid, session_id, platform_id, kind, key, phase, due_at,"
            f" free_at, created_at) VALUES ({number}, '{uuid}{number}', 1, 1, 'k', '{key}',"
            f" '{phase}', {now}, {now}, {now})"
        )
    for edge in ("2, 1, 0", "3, 1, 1", "3, 2, 1"):
        connection.exec_driver_sql(f"INSERT INTO edge VALUES ({edge})")


def _edges(connection: Connection) -> list[Any]:
    return list(connection.execute(text("SELECT * FROM edge ORDER BY step_id, needs_id")))


def _needs(connection: Connection) -> list[Any]:
    """None of a step says that it needs nothing."""
    found = connection.execute(select(step.c.key, step.c.phase, step.c.needs).order_by(step.c.key))
    return [
        (key, phase, Needs() if needs is None else msgspec.convert(_plain(needs), Needs))
        for key, phase, needs in found
    ]


def _plain(needs: Any) -> Any:
    return msgspec.json.decode(needs) if isinstance(needs, str) else needs


@pytest.mark.parametrize("kind", DATABASES)
async def test_what_was_prolonged_is_again_the_booking_that_was_confirmed(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    async with _engine(kind, tmp_path, request) as run:
        await run(_to_head)
        await run(lambda connection: command.downgrade(migrate.alembic_config(connection), "0014"))
        await run(_add_prolonged_bookings)
        await run(_to_head)
        assert await run(migrate.drift) == []
        found = await run(
            lambda one: list(one.exec_driver_sql(f"SELECT id, end_second, {_IS_LIVE} {_BOOKINGS}"))
        )
        assert [(row[0], row[1], bool(row[2])) for row in found] == [
            (1, 10, True),
            (4, 10, False),
            (6, 99, True),
        ]
        at = await run(lambda one: list(one.exec_driver_sql(f"SELECT made_at, ended_at {_OVER}")))
        assert at == [(1, 5)] or [one.year for one in at[0]] == [2001, 2005]


_BOOKINGS = "FROM booking ORDER BY id"
_IS_LIVE = "ended_at IS NULL"
_OVER = "FROM booking WHERE ended_at IS NOT NULL"


def _add_prolonged_bookings(connection: Connection) -> None:
    """Three bookings: one prolonged twice and live, one prolonged and over, one never prolonged."""
    connection.exec_driver_sql("INSERT INTO platform (id, name, capacity) VALUES (1, 'p', '{}')")
    is_sqlite = connection.dialect.name == "sqlite"
    plain = "5" if is_sqlite else "now()"
    connection.exec_driver_sql(
        "INSERT INTO identity (id, uuid, username, role, created_at)"
        f" VALUES (1, '00000000-0000-0000-0000-000000000001', 'a', 'user', {plain})"
    )

    def instant(number: int | None) -> str:
        if number is None:
            return "NULL"
        return str(number) if is_sqlite else f"'200{number}-01-01T00:00:00Z'"

    for id_, session, amount, end, made, ended, is_overrun in (
        (1, 7, "cores", 10, 1, 2, 0),
        (2, 7, "cores", 20, 2, 3, 1),
        (3, 7, "cores", 30, 3, None, 1),
        (4, 8, "cores", 10, 1, 4, 0),
        (5, 8, "cores", 20, 4, 5, 1),
        (6, 7, "memory", 99, 1, None, 0),
    ):
        connection.exec_driver_sql(
            "INSERT INTO booking (id, platform_id, identity_id, offerset_id, session_id, component,"
            " amount_name, amount, start_second, end_second, version, made_at, ended_at,"
            " is_overrun)"
            f" VALUES ({id_}, 1, 1, 1, {session}, 'compute', '{amount}', 1, 0, {end}, 1,"
            f" {instant(made)}, {instant(ended)}, {is_overrun})"
        )
