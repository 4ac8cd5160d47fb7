"""procrastinate drains a queue of no-op jobs.

It fetches one job at a time; `batch` is its concurrency, so that as many may be under way as with
the others. Its asynchronous connector with a pool to match, jobs deferred in batches.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
from procrastinate import App, PsycopgConnector

from benchmarks.program import program

logging.disable(logging.INFO)


async def prepare(*, url: str, count: int, batch: int) -> Callable[[], Awaitable[dict[str, Any]]]:
    pool = min(batch, 20) + 4
    app = App(connector=PsycopgConnector(conninfo=url, min_size=pool, max_size=pool))
    done = 0

    @app.task(name="noop")  # type: ignore[untyped-decorator]
    async def noop() -> None:
        nonlocal done
        done += 1

    await app.open_async()
    await app.schema_manager.apply_schema_async()
    for start in range(0, count, 1000):
        await noop.batch_defer_async(*({} for _ in range(min(1000, count - start))))
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("VACUUM ANALYZE")

    async def drain() -> dict[str, Any]:
        await app.run_worker_async(
            concurrency=batch, wait=False, listen_notify=False, install_signal_handlers=False
        )
        return {"operations": done}

    return drain


if __name__ == "__main__":
    program(prepare)
