"""How a database is, beside its tables: facts for an operator. Reads only."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from execution_broker.storage.database import Connection

_COMPLAINTS: Final = 3


class SqliteHealth(msgspec.Struct, frozen=True):
    """`journal` is `wal` as it must be. `complaints`: what the quick check found, the first few."""

    path: Path
    journal: str
    complaints: tuple[str, ...]


class PostgresHealth(msgspec.Struct, frozen=True):
    """`version` as the server counts: 150004 is 15.4. `is_safe`: a commit is on disk when it is
    answered. `connections`: the most that the server takes."""

    version: int
    is_safe: bool
    connections: int


class Queue(NamedTuple):
    """`now` by the database's clock; steps due since long, the oldest of them, leases lapsed."""

    now: datetime
    overdue: int
    oldest: datetime | None
    lapsed: int


class Late(NamedTuple):
    """How many sessions of a platform were to be released of something by now, the first of them so
    many seconds ago."""

    platform: str
    sessions: int
    seconds: int


async def of_sqlite(path: Path) -> SqliteHealth:
    """sqlite3.DatabaseError when it cannot be read."""
    return await asyncio.to_thread(_of_sqlite, path)


async def of_postgres(url: str) -> PostgresHealth:
    """OSError or asyncpg.PostgresError when the server cannot be used."""
    import asyncpg

    connection = await asyncpg.connect(url, timeout=10)
    try:
        return PostgresHealth(
            version=int(await connection.fetchval("SHOW server_version_num")),
            is_safe=await connection.fetchval("SHOW synchronous_commit") != "off",
            connections=int(await connection.fetchval("SHOW max_connections")),
        )
    finally:
        await connection.close()


async def queue(connection: Connection) -> Queue:
    """Whether anybody works."""
    now = await connection.clock()
    row = await connection.row("waiting_for_workers", now=now)
    assert row is not None
    return Queue(now, row["overdue"] or 0, row["oldest_at"], row["lapsed"] or 0)


async def late(connection: Connection) -> list[Late]:
    """Of each platform that has any."""
    second = int((await connection.clock()).timestamp())
    rows = await connection.rows("late_to_be_released", now_second=second)
    return [Late(row["name"], row["sessions"], second - row["since_second"]) for row in rows]


def _of_sqlite(path: Path) -> SqliteHealth:
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        journal = connection.execute("PRAGMA journal_mode").fetchone()[0]
        found = [str(row[0]) for row in connection.execute("PRAGMA quick_check(4)")]
    complaints = () if found == ["ok"] else tuple(found[:_COMPLAINTS])
    return SqliteHealth(path, str(journal), complaints)
