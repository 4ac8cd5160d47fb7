"""Points at which a broker can be killed, counted; and its death at one of them."""

import inspect
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from execution_broker.storage.database import Work
from execution_broker.storage.sqlite import SqliteDatabase

T = TypeVar("T")


class Fate:
    """Counts points, in a file, and kills this process at one of them. 0: never."""

    def __init__(self, log: Path, at: int) -> None:
        self._log = log.open("a")
        self._at = at
        self._passed = 0
        self._lock = threading.Lock()

    def point(self, name: str) -> None:
        with self._lock:
            self._passed += 1
            self._log.write(f"{name}\n")
            self._log.flush()
            if self._passed == self._at:
                os.kill(os.getpid(), signal.SIGKILL)


class MortalDatabase:
    """Around every commit that changes something is a point: right before it, with all changes
    made, and right after it. Everything else is the database's own."""

    def __init__(self, database: SqliteDatabase, fate: Fate) -> None:
        self._database = database
        self._fate = fate

    async def write(self, work: Work[T]) -> T:
        changed = False

        async def watched(connection: Any) -> T:
            nonlocal changed
            before = connection._connection.total_changes
            result = await work(connection)
            changed = connection._connection.total_changes != before
            if changed:
                self._fate.point("before a commit")
            return result

        result = await self._database.write(watched)
        if changed:
            self._fate.point("after a commit")
        return result

    async def write_soon(self, work: Work[T]) -> T:
        return await self.write(work)

    async def write_apart(self, work: Work[T]) -> T:
        return await self.write(work)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)


class MortalPlatform:
    """Around every call is a point."""

    def __init__(self, platform: Any, fate: Fate) -> None:
        self._platform = platform
        self._fate = fate

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._platform, name)
        if not inspect.iscoroutinefunction(method):
            return method  # type: ignore[no-any-return]

        async def call(*arguments: Any) -> Any:
            self._fate.point(f"before {name}")
            result = await method(*arguments)
            self._fate.point(f"after {name}")
            return result

        return call
