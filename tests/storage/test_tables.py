"""The tables that the migrations make are those that the code knows."""

import asyncio
import sys
from pathlib import Path

import asyncpg

from execution_broker.storage import migrate, migrate_postgres, revision
from tests.harness.postgres import PostgresServer


async def test_the_migrations_make_exactly_the_tables(tmp_path: Path) -> None:
    path = tmp_path / "fresh.sqlite"
    migrate.upgrade_sqlite(path)
    migrate.upgrade_sqlite(path)
    assert migrate.drift_of_sqlite(path) == []
    assert migrate.head() == revision.HEAD == revision.of_sqlite(path)
    assert path.stat().st_mode & 0o077 == 0


async def test_processes_that_start_together_take_turns(tmp_path: Path) -> None:
    path = tmp_path / "shared.sqlite"
    upgrade = "import sys; from pathlib import Path; from execution_broker.storage import migrate; "
    upgrade += "migrate.upgrade_sqlite(Path(sys.argv[1]))"
    command = [sys.executable, "-c", upgrade, str(path)]
    together = [await asyncio.create_subprocess_exec(*command) for _ in range(4)]
    assert [await process.wait() for process in together] == [0, 0, 0, 0]
    assert migrate.drift_of_sqlite(path) == []


async def test_the_migrations_make_the_same_tables_on_postgresql(
    each_postgres: PostgresServer,
) -> None:
    url = await each_postgres.new_database()
    await migrate_postgres.upgrade(url)
    assert await migrate_postgres.drift_of(url) == []
    assert await revision.of_postgres(url) == revision.HEAD


async def test_postgresql_packs_documents_with_the_faster_method_that_it_has(
    each_postgres: PostgresServer,
) -> None:
    url = await each_postgres.new_database()
    await migrate_postgres.upgrade(url)
    connection = await asyncpg.connect(url)
    try:
        has_lz4 = await connection.fetchval(
            "SELECT 'lz4' = ANY (enumvals) FROM pg_settings"
            " WHERE name = 'default_toast_compression'"
        )
        packed = await connection.fetch(
            "SELECT attcompression FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid"
            " WHERE relname IN ('session', 'offerset') AND attname IN ('document', 'plans')"
        )
    finally:
        await connection.close()
    assert [one["attcompression"] for one in packed] == [b"l" if has_lz4 else b"\0"] * 3
