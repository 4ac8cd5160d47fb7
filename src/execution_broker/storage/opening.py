"""From the address of a database to something that opens it, with its tables as they must be."""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

from execution_broker.domain.errors import ConfigurationError
from execution_broker.storage import revision
from execution_broker.storage.database import Database
from execution_broker.storage.sqlite import SqliteDatabase


async def opener(url: str, data_directory: Path) -> Callable[[], Database]:
    """Opens the database as often as it is called.

    `url`: `sqlite` (in the data directory), `sqlite:///path`, `postgresql://...`. SQLite's tables
    are made or upgraded first; PostgreSQL's are left to the operator. ConfigurationError names
    what is wrong, and never a password.
    """
    if url == "sqlite":
        return await _sqlite(data_directory / "broker.sqlite")
    if url.startswith("sqlite:///"):
        return await _sqlite(Path(url.removeprefix("sqlite:///")))
    if url.startswith(("postgresql://", "postgres://")):
        return await _postgres(url)
    raise ConfigurationError(
        f"database.url is {url.partition(':')[0]}:..., which this version cannot open.",
        "Use sqlite, sqlite:///path/to/file, or postgresql://host/database.",
    )


async def _sqlite(path: Path) -> Callable[[], Database]:
    await asyncio.to_thread(_upgrade_sqlite, path)
    return partial(SqliteDatabase, path)


def _upgrade_sqlite(path: Path) -> None:
    if revision.of_sqlite(path) != revision.HEAD:
        from execution_broker.storage.migrate import upgrade_sqlite

        upgrade_sqlite(path)


async def _postgres(url: str) -> Callable[[], Database]:
    try:
        import asyncpg

        from execution_broker.storage.postgres import PostgresDatabase
    except ImportError:
        raise ConfigurationError(
            "database.url is PostgreSQL, whose driver is not installed.",
            "Install execution-broker[postgres].",
        ) from None
    try:
        found = await revision.of_postgres(url)
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise ConfigurationError(
            f"database.url: the server cannot be used ({type(error).__name__}).",
            "Check the address, the user, the password, and that the server runs.",
        ) from None
    if found != revision.HEAD:
        raise ConfigurationError(
            f"The tables of the database are at revision {found}, not {revision.HEAD}.",
            "Run `broker db upgrade`.",
        )
    return partial(PostgresDatabase, url)
