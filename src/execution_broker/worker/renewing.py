"""Keeps leases alive from a thread of its own, so that no busy loop can lose them (S4)."""

import asyncio
import math
import threading
import time
from collections.abc import Callable, Collection
from datetime import timedelta
from enum import Enum
from functools import partial
from typing import NamedTuple
from uuid import UUID

import structlog

from execution_broker.domain.errors import Unavailable
from execution_broker.domain.log_events import LogEvent
from execution_broker.domain.measures import Measure
from execution_broker.storage import steps
from execution_broker.storage.database import Connection, Database
from execution_broker.storage.records import Attempt, LeasedStep

_log = structlog.get_logger()


class Loss(Enum):
    """Why a step must not go on: its session has ended, or another processor has it."""

    OVERTAKEN = "overtaken"
    LAPSED = "lapsed"


class Held(NamedTuple):
    """A step that is being carried out. `stop` is called from the renewing thread. `until` counts
    as `time.monotonic`: whoever holds it by then does not even cut off what hangs."""

    processor: UUID
    stop: Callable[[Loss], None]
    until: float = math.inf


class Renewer:
    """Renews every held lease each `interval`, on a database connection of its own."""

    def __init__(
        self, open_database: Callable[[], Database], interval: timedelta, lease: timedelta
    ) -> None:
        self._open = open_database
        self._interval = interval
        self._lease = lease
        self._held: dict[Attempt, Held] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease-renewer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Return when the thread has ended. Call it off the event loop."""
        self._stopping.set()
        self._thread.join()

    def hold(self, leased: Collection[LeasedStep], held: Held) -> None:
        """Renew them from now on, or stop what carries them."""
        with self._lock:
            self._held.update(((step.id, step.attempt), held) for step in leased)

    def release(self, leased: Collection[LeasedStep]) -> None:
        """They are not carried any more."""
        with self._lock:
            for step in leased:
                self._held.pop((step.id, step.attempt), None)

    def _run(self) -> None:
        asyncio.run(self._renew_for_ever())

    async def _renew_for_ever(self) -> None:
        database = self._open()
        clock = asyncio.get_running_loop().time
        renewed = clock()
        try:
            while not self._stopping.wait(self._interval.total_seconds()):
                try:
                    await self._renew(database)
                    renewed = clock()
                except Unavailable as error:
                    _log.warning(LogEvent.RENEWAL_FAILED, reason=str(error))
                    if clock() - renewed >= (self._lease - self._interval).total_seconds():
                        self._lose_all(database)
        finally:
            await database.close()

    async def _renew(self, database: Database) -> None:
        with self._lock:
            held = dict(self._held)
        now = time.monotonic()
        for attempt in [attempt for attempt, one in held.items() if one.until < now]:
            self._lose(held.pop(attempt), database)
        for processor in {one.processor for one in held.values()}:
            mine = [attempt for attempt, one in held.items() if one.processor == processor]
            ids = {step for step, _ in mine}
            kept, overtaken = await database.write(partial(self._write, processor, ids))
            for attempt in mine:
                if attempt[0] in overtaken:
                    held[attempt].stop(Loss.OVERTAKEN)
                elif attempt not in kept and attempt in self._held:
                    self._lose(held[attempt], database)

    async def _write(
        self, processor: UUID, ids: Collection[int], connection: Connection
    ) -> tuple[set[Attempt], set[int]]:
        until = await connection.clock() + self._lease
        return await steps.renew(connection, processor, ids, until)

    def _lose_all(self, database: Database) -> None:
        with self._lock:
            held = list(self._held.values())
        for one in held:
            self._lose(one, database)

    def _lose(self, held: Held, database: Database) -> None:
        database.meter.measure(Measure.LEASES_LOST, 1)
        held.stop(Loss.LAPSED)
