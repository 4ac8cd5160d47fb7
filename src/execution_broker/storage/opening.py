"""From the address of a database to something that opens it, with its tables as they must be."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from execution_broker.domain.errors import ConfigurationError
from execution_broker.domain.measures import Meter
from execution_broker.storage import pooling, revision
from execution_broker.storage.database import Database
from execution_broker.storage.health import (
    PostgresHealth,
    SqliteHealth,
    of_postgres,
    of_sqlite,
)
from execution_broker.storage.sqlite import SqliteDatabase


class State(NamedTuple):
    """The revision of a database's tables, None where there are none, and the one needed."""

    revision: str | None
    needed: str

    @property
    def is_current(self) -> bool:
        return self.revision == self.needed


async def opener(
    url: str, data_directory: Path, meter: Meter | None = None
) -> Callable[[], Database]:
    """Opens the database as often as it is called.

    `url`: `sqlite` (in the data directory), `sqlite:///path`, `postgresql://...`; behind a SQLite
    address `?max_page_count=N` bounds the file. What is measured goes to `meter`. SQLite's tables
    are made or upgraded first; PostgreSQL's are left to the operator. ConfigurationError names
    what is wrong, and never a password.
    """
    path = file_of(url, data_directory)
    now = await state(url, data_directory)
    if path is not None:
        if not now.is_current:
            await upgrade(url, data_directory)
        return partial(SqliteDatabase, path, meter, _pages(url))
    if not now.is_current:
        raise ConfigurationError(
            f"The tables of the database are at revision {now.revision}, not {now.needed}.",
            "Run `broker db upgrade`.",
        )
    from execution_broker.storage.postgres import PostgresDatabase

    return partial(PostgresDatabase, url, meter)


async def state(url: str, data_directory: Path) -> State:
    """Where the tables of the database are. Changes nothing."""
    path = file_of(url, data_directory)
    if path is not None:
        with _file_errors(path):
            return State(await asyncio.to_thread(revision.of_sqlite, path), revision.HEAD)
    with _server_errors():
        if await pooling.shares_sessions(url):
            raise ConfigurationError(
                "database.url: a pooler stands before the server, and gives each transaction"
                " another session.",
                "Have it keep a session for each client (PgBouncer: pool_mode = session), or give"
                " the server's own address: the broker pools its connections itself.",
            )
        return State(await revision.of_postgres(url), revision.HEAD)


async def health(url: str, data_directory: Path) -> SqliteHealth | PostgresHealth | None:
    """How the database is beside its tables; None where its file is not there yet."""
    path = file_of(url, data_directory)
    if path is not None:
        if not path.exists():
            return None
        with _file_errors(path):
            return await of_sqlite(path)
    with _server_errors():
        return await of_postgres(url)


async def upgrade(url: str, data_directory: Path) -> None:
    """Make or upgrade the tables. Repeatable; of SQLite a backup is kept beside the file."""
    path = file_of(url, data_directory)
    if path is not None:
        from execution_broker.storage.migrate import upgrade_sqlite

        await asyncio.to_thread(upgrade_sqlite, path)
        return
    with _server_errors():
        from execution_broker.storage import migrate_postgres

        await migrate_postgres.upgrade(url)


async def drift(url: str, data_directory: Path) -> list[str]:
    """How the tables differ from what this version expects, in words; nothing if all is well."""
    path = file_of(url, data_directory)
    if path is not None:
        from execution_broker.storage.migrate import drift_of_sqlite

        found = await asyncio.to_thread(drift_of_sqlite, path)
    else:
        with _server_errors():
            from execution_broker.storage import migrate_postgres

            found = await migrate_postgres.drift_of(url)
    return [" ".join(str(part) for part in difference) for difference in found]


def file_of(url: str, data_directory: Path) -> Path | None:
    """The file of a SQLite address; None for a server."""
    plain = url.partition("?")[0]
    if plain == "sqlite":
        return data_directory / "broker.sqlite"
    if plain.startswith("sqlite:///"):
        return Path(plain.removeprefix("sqlite:///"))
    if url.startswith(("postgresql://", "postgres://")):
        return None
    raise ConfigurationError(
        f"database.url is {url.partition(':')[0]}:..., which this version cannot open.",
        "Use sqlite, sqlite:///path/to/file, or postgresql://host/database.",
    )


def _pages(url: str) -> int | None:
    """How many pages a SQLite file may have at most, if its address says so."""
    asked = url.partition("?")[2]
    if not asked:
        return None
    name, _, number = asked.partition("=")
    if name == "max_page_count" and number.isdecimal() and int(number) > 0:
        return int(number)
    raise ConfigurationError(
        f"database.url: {asked!r} behind the address is not understood.",
        "Use ?max_page_count=N, or nothing.",
    )


@contextmanager
def _file_errors(path: Path) -> Iterator[None]:
    """What SQLite says of a file that it cannot read."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise ConfigurationError(
            f"database.url: {path} cannot be read as a database ({error}).",
            "If it is ours, restore it from its newest backup; else name another one.",
        ) from None


@contextmanager
def _server_errors() -> Iterator[None]:
    """What a server or its missing driver raises, as an error that names the key."""
    try:
        import asyncpg
    except ImportError:
        raise ConfigurationError(
            "database.url is PostgreSQL, whose driver is not installed.",
            "Install execution-broker[postgres].",
        ) from None
    try:
        yield
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise ConfigurationError(
            f"database.url: the server cannot be used ({type(error).__name__}).",
            "Check the address, the user, the password, and that the server runs.",
        ) from None
