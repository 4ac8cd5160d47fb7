"""PostgreSQL through asyncpg: the engine that scales.

Transactions are READ COMMITTED: a statement after a lock sees what was committed before it (B4).
"""

import asyncio
import random
from collections.abc import Collection
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final, TypeVar

import asyncpg
import structlog

from execution_broker.domain.errors import Unavailable
from execution_broker.domain.log_events import LogEvent
from execution_broker.domain.measures import Measure, Meter, NoMeter
from execution_broker.domain.plan import StepKind
from execution_broker.storage.database import Look, OneStatement, Work
from execution_broker.storage.postgres_away import AWAY, unavailable
from execution_broker.storage.postgres_bell import Bell
from execution_broker.storage.postgres_connection import Known, PostgresConnection
from execution_broker.storage.postgres_connections import Connections
from execution_broker.storage.ringing import Rings

T = TypeVar("T")

_READ: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_WRITE: Final = "BEGIN ISOLATION LEVEL READ COMMITTED"
_WRITE_SOON: Final = f"{_WRITE}; SET LOCAL synchronous_commit TO off"
_APART: Final = ""
"""Each statement is a transaction, and one that need not wait for the disk says so itself."""
_RETRIES: Final = 10
_AGAIN: Final = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
_ENDED: Final = asyncpg.InternalClientError
"""What the driver raises before it sends a statement, where the server has said meanwhile that it
ends the connection."""

_SETTINGS: Final = {
    "application_name": "execution-broker",
    "idle_in_transaction_session_timeout": "15000",
    "timezone": "UTC",
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "jit": "off",
}
"""Every statement is known, short, and by an index where it can be: it is planned once for each
connection. A plan made while a table was empty must not read all of it once it has grown."""
_SETTLE: Final = "; ".join(f"SET {name} TO '{value}'" for name, value in _SETTINGS.items())
"""Said once the session is there: poolers refuse most of these while it is opened."""
_ARRAYS: Final = "SELECT {}".format(
    ", ".join(
        f"${number}::{name}[]"
        for number, name in enumerate(
            ("int4", "int8", "float8", "uuid", "timestamptz", "json", "bytea"), 1
        )
    )
)

_log = structlog.get_logger()


class PostgresDatabase:
    """A database on a server, shared by any number of processes and machines.

    `shift` is added to the clock: with it a test moves time without waiting. Belongs to the event
    loop that first uses it.
    """

    def __init__(self, url: str, meter: Meter | None = None, connections: int = 10) -> None:
        self.meter = meter or NoMeter()
        self.shift = timedelta()
        self._rings = Rings()
        self._url = url
        self._connections = Connections(self._connect, connections)
        self._known = Known()
        self._bell = Bell(url, self._ring)
        self._woken = asyncio.Event()

    async def read(self, work: Work[T]) -> T:
        return await self._retry(work, _READ)

    async def look(self, look: Look[T]) -> T:
        for _ in range(_RETRIES):
            try:
                async with self._connections.taken() as connection:
                    return await look(
                        OneStatement(PostgresConnection(connection, self.shift, self._known))
                    )
            except _ENDED:
                connection.terminate()  # one fewer: the next one may be a new one
            except AWAY as error:
                raise unavailable(error) from error
        raise Unavailable("The database ends every connection.")

    async def write(self, work: Work[T]) -> T:
        return await self._retry(work, _WRITE)

    async def write_soon(self, work: Work[T]) -> T:
        return await self._retry(work, _WRITE_SOON)

    async def write_apart(self, work: Work[T]) -> T:
        return await self._retry(work, _APART)

    def heard(self, kinds: Collection[StepKind] | None = None) -> int:
        return self._rings.of(kinds)

    async def wait(
        self, seconds: float, heard: int, kinds: Collection[StepKind] | None = None
    ) -> None:
        self._bell.listen()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while self.heard(kinds) == heard and (left := deadline - loop.time()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._woken.wait()

    async def close(self) -> None:
        await self._bell.close()
        await self._connections.close()

    def _ring(self, kinds: Collection[StepKind]) -> None:
        self._rings.add(kinds)
        self._woken.set()
        self._woken.clear()

    async def _retry(self, work: Work[T], begin: str) -> T:
        """Run it, again after a deadlock: the work has no effect but its statements."""
        for attempt in range(_RETRIES):
            try:
                return await self._run(work, begin)
            except _NotBegun:
                continue
            except _AGAIN as error:
                _log.info(
                    LogEvent.TRANSACTION_RETRIED, reason=type(error).__name__, attempt=attempt
                )
                self.meter.measure(Measure.RETRIES, 1)
                await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311 - jitter
            except AWAY as error:
                raise unavailable(error) from error
        raise Unavailable("The database could not order this change among others.")

    async def _run(self, work: Work[T], begin: str) -> T:
        """What has changed nothing is rolled back, as that waits for no disk: locks alone would."""
        async with self._connections.taken() as connection:
            transaction = PostgresConnection(connection, self.shift, self._known)
            try:
                if begin:
                    await _begin(connection, begin)
                result = await work(transaction)
                is_idle = begin is not _READ and not transaction.has_changed
                if begin:
                    await connection.execute("ROLLBACK" if is_idle else "COMMIT")
            except BaseException:  # a cancelled caller's transaction ends as well
                if begin:
                    await _roll_back(connection)
                raise
        for one in transaction.measured:
            self.meter.measure(one.what, one.value, *one.labels)
        if transaction.rung is not None:
            self._ring(transaction.rung)
            self._bell.ring(transaction.rung)
        return result

    async def _connect(self) -> Any:
        """What the driver has to ask the server about types is asked all at once: each question of
        it costs the server more than most of our statements do."""
        connection = await asyncpg.connect(self._url, timeout=10, command_timeout=30)
        try:
            await connection.execute(_SETTLE)
            await connection.prepare(_ARRAYS)
        except BaseException:
            connection.terminate()
            raise
        return connection


class _NotBegun(Exception):
    """The server has ended the connection before anything was asked on it."""


async def _begin(connection: Any, begin: str) -> None:
    try:
        await connection.execute(begin)
    except _ENDED:
        raise _NotBegun from None


async def _roll_back(connection: Any) -> None:
    """What was raised goes on, whatever becomes of this: a connection that cannot even roll back
    is cut, so that nobody gets it with a transaction half done."""
    is_back = False
    try:
        with suppress(*AWAY):
            await connection.execute("ROLLBACK")
            is_back = True
    finally:
        if not is_back:
            connection.terminate()
