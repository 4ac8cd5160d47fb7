"""Poolers that stand before a PostgreSQL server, as PgBouncer does."""

from typing import Any


async def shares_sessions(url: str) -> bool:
    """Whether two connections that are open at the same time get the same session of the server:
    then a transaction may find another session than the one before it had.

    OSError or asyncpg.PostgresError when the server cannot be used.
    """
    import asyncpg

    one = await asyncpg.connect(url, timeout=10, statement_cache_size=0)
    try:
        other = await asyncpg.connect(url, timeout=10, statement_cache_size=0)
        try:
            return await _session(one) == await _session(other)
        finally:
            await other.close()
    finally:
        await one.close()


async def _session(connection: Any) -> int:
    found: int = await connection.fetchval("SELECT pg_backend_pid()")
    return found
