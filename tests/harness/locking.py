"""Another process that has the lock of a platform meanwhile."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from execution_broker.storage import bookings
from execution_broker.storage.database import Connection, Work
from tests.harness.broker import Replica
from tests.harness.waiting import until


@asynccontextmanager
async def locked(
    other: Replica, platform: int, work: Work[object] | None = None
) -> AsyncIterator[datetime]:
    """`other` has the lock until the body is done, has decided something at the time that is told,
    and done its work in the same transaction."""
    decided: list[datetime] = []
    has_it, is_over = threading.Event(), threading.Event()

    async def hold(connection: Connection) -> None:
        decision = await bookings.decide(connection, [platform])
        decided.append(decision.now)
        await bookings.write(connection, decision)
        if work is not None:
            await work(connection)
        has_it.set()
        while not is_over.is_set():
            await connection.clock()

    holding = asyncio.create_task(other.database.write(hold))
    try:
        await soon(has_it.is_set)
        yield decided[-1]
    finally:
        is_over.set()
        await holding


async def somebody_waits(made: Replica) -> None:
    """Until somebody waits for a lock of the database. Who waits for SQLite's writer does so before
    the transaction begins: nobody sees it, and it makes no difference to what is decided."""
    if made.is_embedded():
        return

    async def is_waiting() -> bool:
        rows = await made.rows(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return rows != [(0,)]

    await until(is_waiting)


async def soon(condition: Callable[[], bool]) -> None:
    """Until something is so that a thread of another broker does, which has no event for us."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.001)
