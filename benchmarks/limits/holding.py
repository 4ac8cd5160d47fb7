"""The bare transaction behind a request: the rows that an answer wrote, written again.

Under the same lock, by plain connections, in one statement for each table: no negotiation, no
HTTP, no look at what is booked.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final
from uuid import UUID

import asyncpg

from benchmarks.program import program

_COPIES: Final = {
    "session": ("offerset_id", {"uuid": "gen_random_uuid()", "offerset_id": "$2"}),
    "component": ("session_id", {"key": "key || '-' || session_id", "session_id": "$2"}),
    "event": ("session_id", {"number": "row_number() OVER ()", "session_id": "$2"}),
    "booking": ("offerset_id", {"offerset_id": "$2"}),
}
_UUIDS: Final = {"component": {"uuid": "gen_random_uuid()"}}


async def prepare(
    *, url: str, offerset: str, count: int, clients: int
) -> Callable[[], Awaitable[dict[str, Any]]]:
    connections = [await asyncpg.connect(url) for _ in range(clients)]
    first = connections[0]
    original = await first.fetchval("SELECT id FROM offerset WHERE uuid = $1", UUID(offerset))
    sessions = await first.fetch("SELECT id FROM session WHERE offerset_id = $1", original)
    places = await first.fetch(
        "SELECT DISTINCT platform_id FROM booking WHERE offerset_id = $1 ORDER BY 1", original
    )
    ids = [row["id"] for row in sessions]
    platforms = [row["platform_id"] for row in places]
    answer = await _copy(first, "offerset", "id", {"uuid": "gen_random_uuid()"})
    copies = {
        table: await _copy(first, table, by, {**values, **_UUIDS.get(table, {})})
        for table, (by, values) in _COPIES.items()
    }

    async def hold(connection: Any) -> None:
        async with connection.transaction():
            await connection.fetch(_LOCK, platforms)
            new = await connection.fetchval(answer, [original])
            session = await connection.fetchval(copies["session"], [original], new)
            await connection.fetch(copies["component"], ids, session)
            await connection.fetch(copies["event"], ids, session)
            await connection.fetch(copies["booking"], [original], new)
            await connection.fetch(_ADVANCE, platforms)

    each = max(1, count // clients)

    async def client(connection: Any) -> None:
        for _ in range(each):
            await hold(connection)

    async def work() -> dict[str, Any]:
        await asyncio.gather(*(client(one) for one in connections))
        return {"operations": each * clients}

    return work


async def _copy(connection: Any, table: str, by: str, values: dict[str, str]) -> str:
    """A statement that copies the rows of $1 with these values changed."""
    rows = await connection.fetch(_COLUMNS, table)
    names = [row["column_name"] for row in rows if row["column_name"] != "id"]
    chosen = ", ".join(values.get(name, name) for name in names)
    has_id = "id" in {row["column_name"] for row in rows}
    returning = " RETURNING id" if has_id else ""
    return (
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {chosen} FROM {table} "
        f"WHERE {by} = ANY($1::bigint[]){returning}"
    )


_LOCK: Final = "SELECT id FROM platform WHERE id = ANY($1::bigint[]) ORDER BY id FOR UPDATE"
_ADVANCE: Final = "UPDATE platform SET version = version + 1 WHERE id = ANY($1::bigint[])"
_COLUMNS: Final = (
    "SELECT column_name FROM information_schema.columns "
    "WHERE table_schema = 'public' AND table_name = $1 ORDER BY ordinal_position"
)

if __name__ == "__main__":
    program(prepare)
