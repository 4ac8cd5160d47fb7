"""A worker that takes over: it begins what another one held, once those leases have lapsed.

With `hold` it is that other one: its steps never end, and it tells when it has them all.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import asyncpg

from benchmarks.ours import noop
from benchmarks.program import program
from execution_broker.config import Worker as WorkerSettings
from execution_broker.storage.postgres import PostgresDatabase
from execution_broker.worker.claiming import Pool
from execution_broker.worker.worker import Worker


class Counting(noop.Noop):
    """Knows how many were begun."""

    def __init__(self, hold: bool) -> None:  # noqa: FBT001 - as the program's argument
        self.begun = 0
        self._hold = hold

    async def act(self, loaded: int) -> None:
        self.begun += 1
        if self._hold:
            await asyncio.Event().wait()


async def prepare(
    *, url: str, platform: int, count: int, lease: int, hold: bool
) -> Callable[[], Awaitable[dict[str, Any]]]:
    database = PostgresDatabase(url)
    connection = await asyncpg.connect(url)
    counting = Counting(hold)
    worker = Worker(
        lambda: PostgresDatabase(url, connections=2),
        {noop.KIND: counting},
        [platform],
        [Pool(uuid4(), [noop.KIND], count)],
        WorkerSettings(lease=lease, renewal=max(1, lease // 3)),
    )
    running = asyncio.create_task(worker.run(database))
    while hold and counting.begun < count:
        await asyncio.sleep(0.01)

    async def work() -> dict[str, Any]:
        while not await connection.fetchval(_BACK):
            await asyncio.sleep(0.02)
        back = time.monotonic()
        while await connection.fetchval(_LEFT):
            await asyncio.sleep(0.02)
        worker.stop()
        await running
        return {"operations": count, "back": back}

    return work


_BACK = "SELECT NOT EXISTS (SELECT 1 FROM step WHERE attempt < 2)"
_LEFT = "SELECT EXISTS (SELECT 1 FROM step WHERE phase IN ('READY', 'RUNNING'))"

if __name__ == "__main__":
    program(prepare)
