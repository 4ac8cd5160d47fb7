"""Brings a database's tables to this version of the broker.

SQLite upgrades itself, after a backup beside the file; for PostgreSQL an operator says when.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.pool import NullPool

from execution_broker.storage.private import make_private, open_private
from execution_broker.storage.tables import metadata


def upgrade_sqlite(path: Path) -> None:
    """Make or upgrade the tables of a SQLite file. Repeatable; a backup is kept of what was.

    Processes that start at the same time take turns.
    """
    with _turn(path):
        _upgrade_sqlite(path)


def _upgrade_sqlite(path: Path) -> None:
    make_private(path)
    engine = _sqlite(path)
    with engine.connect() as connection:
        now = MigrationContext.configure(connection).get_current_revision()
    if now == head():
        return
    if now is not None:
        _back_up(path, path.with_name(f"{path.name}.before-{head()}"))
    with engine.begin() as connection:
        command.upgrade(alembic_config(connection), "head")
    with closing(sqlite3.connect(path)) as plain:
        plain.execute("PRAGMA journal_mode=WAL")  # stays with the file: no later start has to
    path.chmod(0o600)


def drift_of_sqlite(path: Path) -> list[Any]:
    """How the tables of an upgraded database differ from what the code expects: nothing."""
    with _sqlite(path).connect() as connection:
        return drift(connection)


def head() -> str:
    """The revision that this version of the broker needs."""
    found = ScriptDirectory(str(Path(__file__).with_name("migrations"))).get_current_head()
    assert found is not None
    return found


def drift(connection: Connection) -> list[Any]:
    found: list[Any] = compare_metadata(MigrationContext.configure(connection), metadata)
    return found


def _sqlite(path: Path) -> Engine:
    return create_engine(f"sqlite:///{path}", poolclass=NullPool)


@contextmanager
def _turn(path: Path) -> Iterator[None]:
    """Wait until no other process migrates this file."""
    descriptor = open_private(path.with_name(f"{path.name}.migrating"))
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _back_up(source: Path, target: Path) -> None:
    os.close(open_private(target))
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


def alembic_config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["connection"] = connection
    return config
