"""Migrations of PostgreSQL: an operator says when."""

from collections.abc import Callable
from typing import Any

import asyncpg
from alembic import command
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from execution_broker.storage.migrate import alembic_config, drift


async def upgrade(url: str) -> None:
    """Make or upgrade the tables of a PostgreSQL database. Repeatable."""
    await _on_postgres(url, lambda connection: command.upgrade(alembic_config(connection), "head"))


async def drift_of(url: str) -> list[Any]:
    found: list[Any] = await _on_postgres(url, drift)
    return found


async def _on_postgres(url: str, work: Callable[[Connection], Any]) -> Any:
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: asyncpg.connect(url, timeout=10),
        poolclass=NullPool,
    )
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()
