"""Which revision the tables of a database have: all that a start needs to know of migrations.

Alembic is loaded only where something has to be migrated.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

HEAD: Final = "0018"
"""The revision that this version of the broker needs; the newest in `migrations/`."""

_QUESTION: Final = "SELECT version_num FROM alembic_version"


def of_sqlite(path: Path) -> str | None:
    """The revision of a SQLite file; None where there are no tables, or no file."""
    if not path.exists():
        return None
    with closing(sqlite3.connect(path)) as connection:
        try:
            row = connection.execute(_QUESTION).fetchone()
        except sqlite3.OperationalError:
            return None
    return None if row is None else str(row[0])


async def of_postgres(url: str) -> str | None:
    """The revision of a PostgreSQL database; None where there are no tables.

    OSError or asyncpg.PostgresError when the server cannot be used.
    """
    import asyncpg

    connection = await asyncpg.connect(url, timeout=10)
    try:
        found = await connection.fetchval(_QUESTION)
    except asyncpg.UndefinedTableError:
        return None
    finally:
        await connection.close()
    return None if found is None else str(found)
