"""One of our workers among others, until nothing is left of the queue, with the collector of cycles
set as every worker sets it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import asyncpg

from benchmarks.ours import noop
from benchmarks.program import program
from execution_broker.cli.memory import spare_what_is_loaded
from execution_broker.config import Worker as WorkerSettings
from execution_broker.storage.database import Connection
from execution_broker.storage.postgres import PostgresDatabase
from execution_broker.worker.claiming import Pool
from execution_broker.worker.worker import Worker


async def prepare(
    *, url: str, platform: int, batch: int, count: int
) -> Callable[[], Awaitable[dict[str, Any]]]:
    database = PostgresDatabase(url)
    connection = await asyncpg.connect(url, server_settings={"enable_seqscan": "off", "jit": "off"})
    await asyncio.gather(
        *(database.read(_clock) for _ in range(_CONNECTIONS))
    )  # connected, as the peers are
    nothing = noop.Noop()
    spare_what_is_loaded()

    async def drain() -> dict[str, Any]:
        worker = Worker(
            lambda: PostgresDatabase(url, connections=2),
            {noop.KIND: nothing},
            [platform],
            [Pool(uuid4(), [noop.KIND], batch, batch)],
            WorkerSettings(poll=0.2),
        )
        running = asyncio.create_task(worker.run(database))
        done = -1
        while done != nothing.done or await connection.fetchval(_LEFT):
            done = nothing.done
            await asyncio.sleep(_LOOK)
        worker.stop()
        await running
        return {"operations": count}

    return drain


async def _clock(connection: Connection) -> None:
    await connection.clock()


_LOOK = 0.01
"""Seconds. While it does something, there is something left: the database is not asked."""
_LEFT = """
SELECT EXISTS (SELECT 1 FROM step WHERE phase IN ('READY', 'RUNNING'))
    OR EXISTS (SELECT 1 FROM step WHERE phase = 'DORMANT')
"""
"""While there is something of the first, which has an index, nothing else is read."""
_CONNECTIONS = 4
"""For a claim and the batches under way."""

if __name__ == "__main__":
    program(prepare)
