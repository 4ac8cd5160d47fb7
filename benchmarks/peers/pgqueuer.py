"""pgqueuer drains a queue of no-op jobs.

As its documentation recommends for speed: asyncpg, uvloop, its own `drain` mode, and the batch
that is asked for; tables are LOGGED, as ours are. Jobs are enqueued in one call.
"""

import os
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job
from pgqueuer.types import QueueExecutionMode

from benchmarks.program import program

os.environ["PGQUEUER_DURABILITY"] = "durable"


async def prepare(*, url: str, count: int, batch: int) -> Callable[[], Awaitable[dict[str, Any]]]:
    connection = await asyncpg.connect(url)
    driver = AsyncpgDriver(connection)
    queue = PgQueuer(driver)
    await queue.qm.queries.install()
    done = 0

    @queue.entrypoint("noop")  # type: ignore[untyped-decorator]
    async def noop(_: Job) -> None:
        nonlocal done
        done += 1

    for start in range(0, count, 1000):
        size = min(1000, count - start)
        await queue.qm.queries.enqueue(["noop"] * size, [None] * size, [0] * size)
    await connection.execute("VACUUM ANALYZE")

    async def drain() -> dict[str, Any]:
        await queue.qm.run(batch_size=batch, mode=QueueExecutionMode.drain)
        return {"operations": done}

    return drain


if __name__ == "__main__":
    program(prepare)
