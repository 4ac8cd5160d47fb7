"""Keeps the progress of a step while it acts, and stores it now and then."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from execution_broker.storage import sessions
from execution_broker.storage.database import Connection, Database
from execution_broker.storage.records import Progress

_INTERVAL: Final = 0.5


class ProgressKeeper:
    """Told of progress as often as one likes; stores it twice a second at most."""

    def __init__(self, database: Database, session: int, key: str) -> None:
        self._database = database
        self._session = session
        self._key = key
        self.latest: Progress | None = None

    def __call__(self, done: int, total: int | None, units: str) -> None:
        self.latest = Progress(done, total, units)

    @asynccontextmanager
    async def storing(self) -> AsyncIterator[None]:
        """Store what is told while the body runs."""
        storing = asyncio.create_task(self._store())
        try:
            yield
        finally:
            storing.cancel()
            await asyncio.wait([storing])

    async def _store(self) -> None:
        stored: Progress | None = None
        while True:
            await asyncio.sleep(_INTERVAL)
            latest = self.latest
            if latest is not None and latest != stored:
                await self._database.write(partial(self._save, latest))
                stored = latest

    async def _save(self, progress: Progress, connection: Connection) -> None:
        await sessions.save_progress(connection, self._session, self._key, progress)
