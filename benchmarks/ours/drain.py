"""Our worker drains a queue of no-op steps."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import asyncpg

from benchmarks.ours import noop
from benchmarks.running import program
from execution_broker.config import Worker as WorkerSettings
from execution_broker.storage.postgres import PostgresDatabase
from execution_broker.worker.worker import Pool, Worker


async def prepare(
    *, url: str, count: int, batch: int, events: bool
) -> Callable[[], Awaitable[dict[str, Any]]]:
    database = PostgresDatabase(url)
    platform = await noop.platform_of(database)
    if events:
        await noop.fill_sessions(database, count, [("noop", ())])
    else:
        await noop.fill(database, count)
    connection = await asyncpg.connect(url)
    await connection.execute("VACUUM ANALYZE")

    async def drain() -> dict[str, Any]:
        worker = Worker(
            lambda: PostgresDatabase(url, connections=2),
            {noop.KIND: noop.Noop()},
            [platform],
            [Pool(uuid4(), [noop.KIND], batch, batch)],
            WorkerSettings(),
        )
        running = asyncio.create_task(worker.run(database))
        while await connection.fetchval(_LEFT):
            await asyncio.sleep(0.02)
        worker.stop()
        await running
        return {"operations": count}

    return drain


_LEFT = "SELECT EXISTS (SELECT 1 FROM step WHERE phase IN ('READY', 'RUNNING'))"

if __name__ == "__main__":
    program(prepare)
