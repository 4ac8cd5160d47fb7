"""How long after a step was stored an idle worker of ours begins to act on it."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from uuid import uuid4

from benchmarks.ours import noop
from benchmarks.program import FIRST, program
from execution_broker.cli.memory import spare_what_is_loaded
from execution_broker.config import Worker as WorkerSettings
from execution_broker.storage import steps
from execution_broker.storage.database import Connection
from execution_broker.storage.postgres import PostgresDatabase
from execution_broker.storage.records import LeasedStep
from execution_broker.worker.claiming import Pool
from execution_broker.worker.worker import Worker


class Timed(noop.Noop):
    """Remembers when each key was acted on."""

    def __init__(self) -> None:
        self.started: dict[str, float] = {}

    async def load(self, connection: Connection, step: LeasedStep, now: datetime) -> Any:
        return step.key

    async def act(self, loaded: Any) -> None:
        self.started[loaded] = time.monotonic()


async def prepare(*, url: str, count: int) -> Callable[[], Awaitable[dict[str, Any]]]:
    """Steps are stored through a database of their own, so that the worker hears a NOTIFY; with
    the collector of cycles set as every worker sets it."""
    worked, stored = PostgresDatabase(url), PostgresDatabase(url)
    platform = await noop.platform_of(worked)
    timed = Timed()
    worker = Worker(
        lambda: PostgresDatabase(url, connections=2),
        {noop.KIND: timed},
        [platform],
        [Pool(uuid4(), [noop.KIND], 10, 10)],
        WorkerSettings(),
    )
    running = asyncio.create_task(worker.run(worked))
    await asyncio.sleep(1)
    spare_what_is_loaded()

    async def add(key: str, connection: Connection) -> None:
        now = await connection.clock()
        await steps.add_unique(
            connection,
            uuid=uuid4(),
            kind=noop.KIND,
            key=key,
            platform=None,
            payload={},
            due=now,
            now=now,
        )

    async def work() -> dict[str, Any]:
        waited: list[float] = []
        for number in range(FIRST + count):
            key = f"timed-{number}"
            start = time.monotonic()
            await stored.write(lambda connection, key=key: add(key, connection))  # type: ignore[misc]
            while key not in timed.started:
                await asyncio.sleep(0.0005)
            waited.append(timed.started[key] - start)
            await asyncio.sleep(random.uniform(0.02, 0.06))
        worker.stop()
        await running
        return {"operations": count, "waited": waited[FIRST:]}

    return work


if __name__ == "__main__":
    program(prepare)
