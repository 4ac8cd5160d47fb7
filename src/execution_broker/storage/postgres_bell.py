"""The bell on PostgreSQL: LISTEN and NOTIFY on a connection of its own.

Never inside a writing transaction, which would serialise commits.
"""

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress
from contextvars import Context
from functools import partial
from typing import Any, Final

import asyncpg
import structlog

from execution_broker.domain.log_events import LogEvent
from execution_broker.domain.plan import StepKind
from execution_broker.storage.postgres_away import AWAY
from execution_broker.storage.ringing import EVERY, heard, told

_CHANNEL: Final = "execution_broker_steps"
_DEBOUNCE: Final = 0.01

_log = structlog.get_logger()


class Bell:
    """Tells other processes, at most every few milliseconds, and hears them."""

    def __init__(self, url: str, heard: Callable[[Collection[StepKind]], None]) -> None:
        self._url = url
        self._heard = heard
        self._kinds: set[StepKind] = set()
        self._to_tell = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def ring(self, kinds: Collection[StepKind]) -> None:
        self._kinds.update(kinds)
        self._to_tell.set()
        self.listen()

    def listen(self) -> None:
        """Keep a connection of its own from now on. Repeatable."""
        if self._task is None or self._task.done():
            serving = self._serve()  # for everybody: in the context of nobody's request
            self._task = asyncio.get_running_loop().create_task(serving, context=Context())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _serve(self) -> None:
        while True:
            try:
                await self._connected()
                _log.info(LogEvent.BELL_LOST, reason="closed")
            except AWAY as error:
                _log.info(LogEvent.BELL_LOST, reason=type(error).__name__)
                await asyncio.sleep(1)

    async def _connected(self) -> None:
        connection = await asyncpg.connect(self._url, timeout=10)
        try:
            own = connection.get_server_pid()
            await connection.add_listener(_CHANNEL, partial(self._hear, own))
            self._heard(EVERY)
            while not connection.is_closed():
                with suppress(TimeoutError):  # not wait_for, which may swallow a cancellation
                    async with asyncio.timeout(5):
                        await self._to_tell.wait()
                if self._to_tell.is_set():
                    self._to_tell.clear()
                    kinds, self._kinds = self._kinds, set()
                    await connection.execute("SELECT pg_notify($1, $2)", _CHANNEL, told(kinds))
                    await asyncio.sleep(_DEBOUNCE)
        finally:
            connection.terminate()

    def _hear(self, own: int, _connection: Any, pid: int, _channel: str, text: str) -> None:
        """Its connection may be cut by then."""
        if pid != own:  # what this process told, it knows already
            self._heard(heard(text))
