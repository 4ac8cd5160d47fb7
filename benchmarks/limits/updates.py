"""How many transactions a second the disk allows: one row updated again and again.

By one connection (`clients` 1) each waits for the disk alone; several share a flush.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from benchmarks.program import program


async def prepare(*, url: str, count: int, clients: int) -> Callable[[], Awaitable[dict[str, Any]]]:
    connections = [await asyncpg.connect(url) for _ in range(clients)]
    await connections[0].execute("CREATE TABLE IF NOT EXISTS one (id int PRIMARY KEY, n int)")
    for row in range(clients):
        await connections[0].execute(f"INSERT INTO one VALUES ({row}, 0) ON CONFLICT DO NOTHING")

    async def update(row: int, connection: Any) -> None:
        statement = await connection.prepare("UPDATE one SET n = n + 1 WHERE id = $1")
        for _ in range(count // clients):
            await statement.fetch(row)

    async def work() -> dict[str, Any]:
        await asyncio.gather(*(update(row, one) for row, one in enumerate(connections)))
        return {"operations": count // clients * clients}

    return work


if __name__ == "__main__":
    program(prepare)
