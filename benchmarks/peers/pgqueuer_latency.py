"""How long after a job was enqueued an idle worker of pgqueuer begins it."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries

from benchmarks.program import FIRST, program


async def prepare(*, url: str, count: int) -> Callable[[], Awaitable[dict[str, Any]]]:
    """Jobs are enqueued through a connection of their own."""
    queue = PgQueuer(AsyncpgDriver(await asyncpg.connect(url)))
    await queue.qm.queries.install()
    stored = Queries(AsyncpgDriver(await asyncpg.connect(url)))
    started: dict[bytes, float] = {}

    @queue.entrypoint("timed")  # type: ignore[untyped-decorator]
    async def timed(job: Job) -> None:
        started[job.payload or b""] = time.monotonic()

    running = asyncio.create_task(queue.qm.run(batch_size=10))
    await asyncio.sleep(1)

    async def work() -> dict[str, Any]:
        waited: list[float] = []
        for number in range(FIRST + count):
            key = str(number).encode()
            start = time.monotonic()
            await stored.enqueue("timed", key)
            while key not in started:
                await asyncio.sleep(0.0005)
            waited.append(started[key] - start)
            await asyncio.sleep(random.uniform(0.02, 0.06))
        queue.qm.shutdown.set()
        await running
        return {"operations": count, "waited": waited[FIRST:]}

    return work


if __name__ == "__main__":
    program(prepare)
