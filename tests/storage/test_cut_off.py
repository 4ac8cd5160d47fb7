"""A connection that cannot roll back: what was raised is told, and nobody gets it again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from execution_broker.domain.plan import StepKind
from execution_broker.storage import sessions, steps
from execution_broker.storage.database import Connection
from execution_broker.storage.postgres import PostgresDatabase
from tests.harness.postgres import PostgresServer
from tests.storage.rows import Rows, a_session


class Fault(Exception):
    """What went wrong in the transaction itself."""


async def test_a_transaction_whose_connection_is_lost_tells_what_it_raised(
    each_postgres: PostgresServer,
) -> None:
    async with one_connection(each_postgres) as (database, rows, admin):
        lost = await backends(admin)

        async def work(connection: Connection) -> None:
            await end(connection, rows)
            for one in lost:
                await admin.execute("SELECT pg_terminate_backend($1, 10000)", one)
            raise Fault

        with pytest.raises(Fault):
            await database.write(work)
        assert not await is_ended(database, rows)
        assert not lost & await backends(admin)


async def test_a_connection_that_is_still_busy_is_cut(each_postgres: PostgresServer) -> None:
    """Its statement waits for a lock, so that no ROLLBACK can be sent after it."""
    async with one_connection(each_postgres) as (database, rows, admin):
        used = await backends(admin)
        statements: list[asyncio.Task[object]] = []

        async def work(connection: Connection) -> None:
            await connection.clock()
            statements.append(asyncio.create_task(end(connection, rows)))
            async with asyncio.timeout(60):
                await wait_for_a_lock(admin)
            raise Fault

        async with admin.transaction():
            await admin.execute("SELECT FROM session FOR UPDATE")
            with pytest.raises(Fault):
                await database.write(work)
            assert not await is_ended(database, rows)
            assert await backends(admin) - used
        (error,) = await asyncio.gather(*statements, return_exceptions=True)
        assert isinstance(error, asyncpg.ConnectionDoesNotExistError)
        assert not await is_ended(database, rows)


async def test_whoever_is_cancelled_leaves_no_transaction_behind(
    each_postgres: PostgresServer,
) -> None:
    """At any moment: while it begins, works, or commits."""
    async with one_connection(each_postgres) as (database, rows, admin):
        clock = asyncio.get_running_loop().time
        for delay in range(60):
            until = clock() + delay * 0.00005
            writing = asyncio.create_task(database.write(lambda c: end(c, rows)))
            while clock() < until:  # noqa: ASYNC110  (moments closer than a timer knows)
                await asyncio.sleep(0)
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            await database.look(lambda look: steps.next_free(look, [StepKind.PROBE], []))
            assert await admin.fetchval(_HALF_DONE) == 0, f"cancelled after {delay * 50} us"


_HALF_DONE = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND state LIKE 'idle in transaction%'"
)


@asynccontextmanager
async def one_connection(
    server: PostgresServer,
) -> AsyncIterator[tuple[PostgresDatabase, Rows, asyncpg.Connection]]:
    """A database that has one connection and no other, and an administrator's connection to it."""
    url = await server.new_database()
    database = PostgresDatabase(url, connections=1)
    admin = await asyncpg.connect(url)
    try:
        yield database, await a_session(database), admin
    finally:
        await admin.close()
        await database.close()


async def backends(admin: asyncpg.Connection) -> set[int]:
    """The server's side of what the database has open."""
    found = await admin.fetch(
        "SELECT pid FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND application_name = 'execution-broker'"
    )
    return {row["pid"] for row in found}


async def wait_for_a_lock(admin: asyncpg.Connection) -> None:
    """Return when some transaction waits for one."""
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    while not await admin.fetchval(waiting):  # noqa: ASYNC110  (a server has no event for it)
        await asyncio.sleep(0.01)


async def end(connection: Connection, rows: Rows) -> None:
    rows.session.ended = rows.now
    await sessions.save(connection, rows.session, rows.now)


async def is_ended(database: PostgresDatabase, rows: Rows) -> bool:
    stored = await database.read(lambda connection: sessions.by_id(connection, rows.session.id))
    assert stored is not None
    return stored.ended is not None
