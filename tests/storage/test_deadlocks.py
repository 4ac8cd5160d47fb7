"""Transactions that wait for each other: one is run again, and nobody notices."""

import asyncio
from functools import partial

from execution_broker.metering import PrometheusMeter
from execution_broker.storage import bookings, outside, sessions
from execution_broker.storage.database import Connection
from execution_broker.storage.postgres import PostgresDatabase
from execution_broker.storage.records import NewEvent
from tests.harness.postgres import PostgresServer
from tests.storage.rows import a_session, add_event


async def test_a_deadlock_is_resolved_and_counted(each_postgres: PostgresServer) -> None:
    """PostgreSQL alone: SQLite has one writer at a time."""
    meter = PrometheusMeter()
    database = PostgresDatabase(await each_postgres.new_database(), meter)
    try:
        first, second = [(await a_session(database)).session.id for _ in range(2)]
        both_hold_one = asyncio.Barrier(2)
        runs: list[tuple[int, ...]] = []

        async def work(connection: Connection, *order: int) -> None:
            runs.append(order)
            for session in order:
                await sessions.lock(connection, [session])
                now = await connection.clock()
                await add_event(connection, session, NewEvent("x", None, {}, now))
                if len(runs) <= 2 and session == order[0]:
                    await both_hold_one.wait()

        await asyncio.gather(
            database.write(lambda c: work(c, first, second)),
            database.write(lambda c: work(c, second, first)),
        )
        retries = len(runs) - 2
        assert retries >= 1
        assert f"broker_transaction_retries_total {retries:.1f}".encode() in meter.text()
        for session in (first, second):
            stored = await database.read(partial(sessions.by_id, id_=session))
            assert stored is not None
            assert stored.events == 2
    finally:
        await database.close()


async def test_what_belongs_to_a_locked_row_can_be_added(each_postgres: PostgresServer) -> None:
    """A capacity lock is for those who book. What refers to its platform neither waits for it,
    nor is in the way of who takes the lock later in the same transaction."""
    meter = PrometheusMeter()
    database = PostgresDatabase(await each_postgres.new_database(), meter)
    try:
        one, other = [(await a_session(database)).session for _ in range(2)]

        async def add(connection: Connection, session: int) -> None:
            now = await connection.clock()
            await outside.intend(connection, session, one.platform, "compute", "a name", now)

        async def lock(connection: Connection) -> None:
            await bookings.decide(connection, [one.platform])
            async with asyncio.timeout(20):
                await database.write(partial(add, session=one.id))

        both_have_added = asyncio.Barrier(2)

        async def add_and_lock(connection: Connection, session: int) -> None:
            await add(connection, session)
            async with asyncio.timeout(20):
                await both_have_added.wait()
            await bookings.decide(connection, [one.platform])

        await database.write(lock)
        await asyncio.gather(
            *(database.write(partial(add_and_lock, session=s.id)) for s in (one, other))
        )
        assert b"broker_transaction_retries_total 1" not in meter.text()
    finally:
        await database.close()
