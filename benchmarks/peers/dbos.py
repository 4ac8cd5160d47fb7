"""dbos drains a queue of no-op workflows.

A queue whose `worker_concurrency` is the batch, polled every 10 ms (its default of a second would
count pauses, not work), with a pool of connections to match. The workflows are asynchronous
functions; all are enqueued before it is launched. The time counts from the first that runs until
all are SUCCESS in its tables, so that launching it costs nothing.
"""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import asyncpg
from dbos import DBOS, DBOSClient, DBOSConfig

from benchmarks.machine import own_cpu
from benchmarks.program import program

_QUEUE = "noop"
_LEFT = "SELECT count(*) FROM dbos.workflow_status WHERE status <> 'SUCCESS'"


async def prepare(*, url: str, count: int, batch: int) -> Callable[[], Awaitable[dict[str, Any]]]:
    config: DBOSConfig = {
        "name": "bench",
        "system_database_url": url,
        "application_version": "1",
        "sys_db_pool_size": 20,
        "log_level": "ERROR",
    }
    await asyncio.to_thread(_make_tables, config)
    await asyncio.to_thread(_fill, url, count)
    DBOS(config=config)
    begun: list[tuple[float, float]] = []

    @DBOS.workflow(name="noop")  # type: ignore[untyped-decorator]
    async def noop() -> None:
        if not begun:
            begun.append((time.monotonic(), own_cpu()))

    connection = await asyncpg.connect(url)
    await connection.execute("VACUUM ANALYZE")

    async def drain() -> dict[str, Any]:
        await asyncio.to_thread(DBOS.launch)
        await asyncio.to_thread(
            DBOS.register_queue, _QUEUE, worker_concurrency=batch, polling_interval_sec=0.01
        )
        while await connection.fetchval(_LEFT):
            await asyncio.sleep(0.02)
        start, cpu = begun[0]
        seconds, used = time.monotonic() - start, own_cpu() - cpu
        await asyncio.to_thread(DBOS.destroy)
        return {"operations": count, "seconds": seconds, "cpu": used}

    return drain


def _make_tables(config: DBOSConfig) -> None:
    DBOS(config=config)
    DBOS.launch()
    DBOS.destroy()


def _fill(url: str, count: int) -> None:
    client = DBOSClient(system_database_url=url)
    with ThreadPoolExecutor(16) as threads:

        def enqueue(_: int) -> None:
            client.enqueue(
                {
                    "workflow_name": "noop",
                    "queue_name": _QUEUE,
                    "workflow_id": str(uuid.uuid4()),
                    "app_version": "1",
                }
            )

        list(threads.map(enqueue, range(count)))
    client.destroy()


if __name__ == "__main__":
    program(prepare)
