"""PostgreSQL through asyncpg: the engine that scales.

Transactions are READ COMMITTED: a statement after a lock sees what was committed before it (B4).
The bell is LISTEN and NOTIFY on a connection of its own, never inside a writing transaction, which
would serialise commits.
"""

import asyncio
import random
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final, NamedTuple, TypeVar

import asyncpg
import structlog

from execution_broker.domain.errors import Unavailable
from execution_broker.domain.log_events import LogEvent
from execution_broker.domain.measures import Measure, Meter, NoMeter
from execution_broker.storage.database import Measured, Row, Work
from execution_broker.storage.statements import render, statements

T = TypeVar("T")

_CHANNEL: Final = "execution_broker_steps"
_DEBOUNCE: Final = 0.01
_READ: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_WRITE: Final = "BEGIN ISOLATION LEVEL READ COMMITTED"
_WRITE_SOON: Final = f"{_WRITE}; SET LOCAL synchronous_commit TO off"
_RETRIES: Final = 10
_PARAMETER: Final = re.compile(r"(?<!:):([a-z_]\w*)")
_CHANGES: Final = re.compile(r"^\s*(INSERT|UPDATE|DELETE)\b", re.MULTILINE)
_AGAIN: Final = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
_AWAY: Final = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # its protocol, when a server goes in the middle of something
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.ObjectNotInPrerequisiteStateError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InsufficientResourcesError,
    asyncpg.IdleInTransactionSessionTimeoutError,
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
        self.rings = 0
        self._url = url
        self._connections = connections
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._opening = asyncio.Lock()
        self._bell = _Bell(url, self._ring)
        self._woken = asyncio.Event()

    async def read(self, work: Work[T]) -> T:
        return await self._retry(work, _READ)

    async def write(self, work: Work[T]) -> T:
        return await self._retry(work, _WRITE)

    async def write_soon(self, work: Work[T]) -> T:
        return await self._retry(work, _WRITE_SOON)

    async def wait(self, seconds: float, heard: int) -> None:
        self._bell.listen()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while self.rings == heard and (left := deadline - loop.time()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._woken.wait()

    async def close(self) -> None:
        await self._bell.close()
        if self._pool is not None:
            await self._pool.close()
            self._pool = None

    def _ring(self) -> None:
        self.rings += 1
        self._woken.set()
        self._woken.clear()

    async def _retry(self, work: Work[T], begin: str) -> T:
        """Run it, again after a deadlock: the work has no effect but its statements."""
        for attempt in range(_RETRIES):
            try:
                return await self._run(work, begin)
            except _AGAIN as error:
                _log.info(
                    LogEvent.TRANSACTION_RETRIED, reason=type(error).__name__, attempt=attempt
                )
                self.meter.measure(Measure.RETRIES, 1)
                await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311 - jitter
            except _AWAY as error:
                raise _unavailable(error) from error
        raise Unavailable("The database could not order this change among others.")

    async def _run(self, work: Work[T], begin: str) -> T:
        """What has changed nothing is rolled back, as that waits for no disk: locks alone would."""
        pool = await self._open()
        async with pool.acquire() as connection:
            await connection.execute(begin)
            transaction = PostgresConnection(connection, self.shift)
            try:
                result = await work(transaction)
            except BaseException:  # a cancelled caller's transaction ends as well
                await _roll_back(connection)
                raise
            is_idle = begin is not _READ and not transaction.has_changed
            await connection.execute("ROLLBACK" if is_idle else "COMMIT")
        for one in transaction.measured:
            self.meter.measure(one.what, one.value, *one.labels)
        if transaction.rung:
            self._ring()
            self._bell.ring()
        return result

    async def _open(self) -> "asyncpg.Pool[asyncpg.Record]":
        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._url,
                    min_size=0,
                    max_size=self._connections,
                    timeout=10,
                    command_timeout=30,
                    reset=_leave_as_it_is,
                    server_settings={
                        "application_name": "execution-broker",
                        "idle_in_transaction_session_timeout": "15000",
                        "timezone": "UTC",
                    },
                )
            return self._pool


async def _roll_back(connection: Any) -> None:
    """What was raised goes on, whatever becomes of this: a connection that cannot even roll back
    is cut, so that nobody gets it with a transaction half done."""
    try:
        await connection.execute("ROLLBACK")
    except _AWAY:
        connection.terminate()


async def _leave_as_it_is(connection: Any) -> None:
    """Transactions leave nothing in a session that another could notice: one round trip saved."""


class PostgresConnection:
    """A transaction on PostgreSQL."""

    def __init__(self, connection: Any, shift: timedelta) -> None:
        self._connection = connection
        self._shift = shift
        self.rung = False
        self.has_changed = False
        self.measured: list[Measured] = []

    async def rows(self, statement: str, /, **values: Any) -> list[Row]:
        sql, names = self._prepare(statement)
        found = await self._connection.fetch(sql, *(values[name] for name in names))
        return [dict(row) for row in found]

    async def row(self, statement: str, /, **values: Any) -> Row | None:
        found = await self.rows(statement, **values)
        return found[0] if found else None

    async def execute(self, statement: str, /, **values: Any) -> int:
        sql, names = self._prepare(statement)
        status: str = await self._connection.execute(sql, *(values[name] for name in names))
        return int(status.rsplit(" ", 1)[-1])

    async def many(self, statement: str, values: Sequence[Mapping[str, Any]], /) -> None:
        if not values:
            return
        sql, names = self._prepare(statement)
        await self._connection.executemany(sql, [[one[name] for name in names] for one in values])

    async def each(self, statement: str, values: Sequence[Mapping[str, Any]], /) -> list[Row]:
        if not values:
            return []
        sql, names = self._prepare(statement)
        found = await self._connection.fetchmany(
            sql, [[one[name] for name in names] for one in values]
        )
        return [dict(row) for row in found]

    async def clock(self) -> datetime:
        now: datetime = await self._connection.fetchval("SELECT clock_timestamp()")
        return now + self._shift

    def ring(self) -> None:
        self.rung = True

    def measure(self, what: Measure, *labels: str, value: float = 1) -> None:
        self.measured.append(Measured(what, value, labels))

    def _prepare(self, statement: str) -> tuple[str, tuple[str, ...]]:
        dialect = _dialect(statement)
        self.has_changed |= dialect.changes
        return dialect.sql, dialect.names


class _Bell:
    """Tells other processes, at most every few milliseconds, and hears them."""

    def __init__(self, url: str, heard: Callable[[], None]) -> None:
        self._url = url
        self._heard = heard
        self._to_tell = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def ring(self) -> None:
        self._to_tell.set()
        self.listen()

    def listen(self) -> None:
        """Keep a connection of its own from now on. Repeatable."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._serve())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _serve(self) -> None:
        while True:
            try:
                await self._connected()
            except _AWAY as error:
                _log.info(LogEvent.BELL_LOST, reason=type(error).__name__)
                await asyncio.sleep(1)

    async def _connected(self) -> None:
        connection = await asyncpg.connect(self._url, timeout=10)
        try:
            await connection.add_listener(_CHANNEL, self._hear)
            self._heard()
            while not connection.is_closed():
                with suppress(TimeoutError):  # not wait_for, which may swallow a cancellation
                    async with asyncio.timeout(5):
                        await self._to_tell.wait()
                if self._to_tell.is_set():
                    self._to_tell.clear()
                    await connection.execute(f"NOTIFY {_CHANNEL}")
                    await asyncio.sleep(_DEBOUNCE)
        finally:
            connection.terminate()

    def _hear(self, *_: Any) -> None:
        self._heard()


class _Dialect(NamedTuple):
    """A statement with numbered parameters, and their names in that order."""

    sql: str
    names: tuple[str, ...]
    changes: bool


@cache
def _dialect(statement: str) -> _Dialect:
    text = render(
        statements()[statement],
        {
            "for_update": "FOR UPDATE",
            "skip_locked": "FOR UPDATE SKIP LOCKED",
            "any_start": "= ANY(ARRAY(",
            "any_end": "))",
        },
        lambda name: f"= ANY(:{name})",
    )
    _, _, body = text.partition("\n")
    names: list[str] = []

    def number(found: re.Match[str]) -> str:
        if found[1] not in names:
            names.append(found[1])
        return f"${names.index(found[1]) + 1}"

    sql = _PARAMETER.sub(number, body)
    return _Dialect(sql, tuple(names), _CHANGES.search(sql) is not None)


def _unavailable(error: BaseException) -> Unavailable:
    return Unavailable(
        f"The database does not answer ({type(error).__name__}).", "Nothing was changed."
    )
