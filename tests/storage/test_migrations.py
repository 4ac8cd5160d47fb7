"""What an older version left is still there after an upgrade."""

import sqlite3
from contextlib import closing
from pathlib import Path

from alembic import command
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from execution_broker.storage import migrate


def test_steps_of_the_first_version_can_be_claimed_when_they_were_due(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    with create_engine(f"sqlite:///{path}", poolclass=NullPool).begin() as connection:
        command.upgrade(migrate.alembic_config(connection), "0001")
    with closing(sqlite3.connect(path)) as old, old:
        old.executemany(
            "INSERT INTO step (uuid, kind, key, phase, due_at, leased_at, created_at)"
            " VALUES (?, 'k', ?, ?, 5, ?, 1)",
            [("u1", "ready", "READY", None), ("u2", "leased", "RUNNING", 9)],
        )
    migrate.upgrade_sqlite(path)
    with closing(sqlite3.connect(path)) as new:
        found = new.execute("SELECT key, free_at FROM step ORDER BY id").fetchall()
    assert found == [("ready", 5), ("leased", 9)]
    assert path.with_name("old.sqlite.before-" + migrate.head()).exists()
