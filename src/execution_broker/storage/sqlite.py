"""SQLite: the embedded default. One writer thread, a few readers, every commit on disk."""

import asyncio
import sqlite3
import threading
from collections.abc import Collection, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec
import structlog

from execution_broker.domain.errors import Unavailable
from execution_broker.domain.log_events import LogEvent
from execution_broker.domain.measures import Measure, Meter, NoMeter
from execution_broker.domain.plan import StepKind
from execution_broker.storage.database import Look, Measured, OneStatement, Part, Row, Work
from execution_broker.storage.ringing import EVERY, Rings
from execution_broker.storage.statements import render, statements

T = TypeVar("T")
Rung = frozenset[StepKind] | None

_log = structlog.get_logger()

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_LOOK: Final = 0.1
_CLOCK: Final = ":clock"


class SqliteDatabase:
    """A database in one file, shared by any number of processes of one machine.

    `shift` is added to the clock: with it a test moves time without waiting.
    """

    def __init__(self, path: Path, meter: Meter | None = None, pages: int | None = None) -> None:
        """`pages`: the most the file may have, for a disk that is not ours alone."""
        self.path = path
        self.meter = meter or NoMeter()
        self._pages = pages
        self.shift = timedelta()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="sqlite-writer")
        self._readers = ThreadPoolExecutor(2, thread_name_prefix="sqlite-reader")
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._bell = asyncio.Event()
        self._rings = Rings()
        self._version = 0
        self._looked = 0.0

    async def read(self, work: Work[T]) -> T:
        result, _ = await self._submit(self._readers, work, "BEGIN")
        return result

    async def look(self, look: Look[T]) -> T:
        return await self.read(lambda connection: look(OneStatement(connection)))

    async def write(self, work: Work[T]) -> T:
        result, rung = await self._submit(self._writer, work, "BEGIN IMMEDIATE")
        if rung is not None:
            self._ring(rung)
        return result

    async def write_soon(self, work: Work[T]) -> T:
        return await self.write(work)

    async def write_apart(self, work: Work[T]) -> T:
        return await self.write(work)

    def heard(self, kinds: Collection[StepKind] | None = None) -> int:
        return self._rings.of(kinds)

    async def wait(
        self, seconds: float, heard: int, kinds: Collection[StepKind] | None = None
    ) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while self.heard(kinds) == heard and (left := deadline - loop.time()) > 0:
            try:
                async with asyncio.timeout(min(left, _LOOK)):
                    await self._bell.wait()
            except TimeoutError:
                if loop.time() - self._looked < _LOOK / 2:
                    continue  # somebody else who waits has just looked
                self._looked = loop.time()
                if await self._changed_elsewhere():
                    self._ring(EVERY)

    async def close(self) -> None:
        for pool in (self._writer, self._readers):
            await asyncio.to_thread(pool.shutdown)
        for connection in self._opened:
            connection.close()
        self._opened.clear()

    def _ring(self, kinds: Collection[StepKind]) -> None:
        """Wake everybody who waits now; who comes later compares the number of rings."""
        self._rings.add(kinds)
        self._bell.set()
        self._bell.clear()

    async def _submit(self, pool: ThreadPoolExecutor, work: Work[T], begin: str) -> tuple[T, Rung]:
        return await asyncio.get_running_loop().run_in_executor(pool, self._run, work, begin)

    def _run(self, work: Work[T], begin: str) -> tuple[T, Rung]:
        connection = self._connection()
        try:
            connection.execute(begin)
            transaction = SqliteConnection(connection, self.shift)
            try:
                result = _finish(work(transaction))
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:  # not so after COMMIT, nor where a disk was full
                    connection.execute("ROLLBACK")
        except sqlite3.OperationalError as error:
            raise _unavailable(error, self.path) from error
        for one in transaction.measured:
            self.meter.measure(one.what, one.value, *one.labels)
        return result, transaction.rung

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(
                self.path, timeout=30, isolation_level=None, check_same_thread=False
            )
            connection.row_factory = sqlite3.Row
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
                connection.execute(f"PRAGMA {pragma}")
            if self._pages is not None:
                connection.execute(f"PRAGMA max_page_count = {self._pages:d}")
            self._local.connection = connection
            self._opened.append(connection)
        return connection

    async def _changed_elsewhere(self) -> bool:
        def version() -> int:
            return int(self._connection().execute("PRAGMA data_version").fetchone()[0])

        # The writer's connection does not count what it wrote itself.
        found = await asyncio.get_running_loop().run_in_executor(self._writer, version)
        changed = self._version not in (0, found)
        self._version = found
        return changed


class SqliteConnection:
    """A transaction on SQLite. None of its coroutines ever waits."""

    def __init__(self, connection: sqlite3.Connection, shift: timedelta) -> None:
        self._connection = connection
        self._shift = shift
        self.rung: Rung = None
        self.measured: list[Measured] = []

    async def rows(self, statement: str, /, **values: Any) -> list[Row]:
        sql = _dialect(statement)
        if _CLOCK in sql:
            values["clock"] = await self.clock()
        found = self._connection.execute(sql, _adapt(values))
        return [_row(row) for row in found.fetchall()]

    async def row(self, statement: str, /, **values: Any) -> Row | None:
        found = await self.rows(statement, **values)
        return found[0] if found else None

    async def execute(self, statement: str, /, **values: Any) -> int:
        return self._connection.execute(_dialect(statement), _adapt(values)).rowcount

    async def many(self, statement: str, values: Sequence[Mapping[str, Any]], /) -> None:
        self._connection.executemany(_dialect(statement), [_adapt(one) for one in values])

    async def all(self, *parts: Part) -> None:
        for statement, values in parts:
            await self.many(statement, values)

    async def each(self, statement: str, values: Sequence[Mapping[str, Any]], /) -> list[Row]:
        sql = _dialect(statement)
        return [_row(self._connection.execute(sql, _adapt(one)).fetchone()) for one in values]

    async def clock(self) -> datetime:
        return datetime.now(UTC) + self._shift

    def ring(self, kinds: Collection[StepKind] = EVERY) -> None:
        self.rung = (self.rung or frozenset()).union(kinds)

    def measure(self, what: Measure, *labels: str, value: float = 1) -> None:
        self.measured.append(Measured(what, value, labels))


def _finish(work: Any) -> Any:
    """Run a coroutine that awaits only a SqliteConnection, without an event loop."""
    coroutine: Coroutine[Any, Any, Any] = work
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    coroutine.close()
    raise RuntimeError("A transaction may await nothing but its connection.")


@cache
def _dialect(statement: str) -> str:
    return render(
        statements()[statement],
        {
            "for_update": "",
            "skip_locked": "",
            "row": "rowid",
            "any_start": "IN (",
            "any_end": ")",
            "soon": "1 = 1",
            "clock": _CLOCK,
            "json": "json",
            "json_list": "json_group_array",
            "json_object": "json_object",
        },
        lambda name: f"IN (SELECT value FROM json_each(:{name}))",  # noqa: S608 - from sql/
    )


def _adapt(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value(value) for name, value in values.items()}


def _value(value: Any) -> Any:
    match value:
        case datetime():
            return (value - _EPOCH) // _MICROSECOND
        case timedelta():
            return value // _MICROSECOND
        case UUID():
            return str(value)
        case list() | tuple() | frozenset() | set():
            return msgspec.json.encode([_value(part) for part in value]).decode()
        case _:
            return value


def _row(row: sqlite3.Row) -> Row:
    return {name: _read(name, row[name]) for name in row.keys()}  # noqa: SIM118 - rows have no __iter__ of keys


def _read(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name.endswith("_at"):
        return _EPOCH + timedelta(microseconds=value)
    if name.endswith("uuid"):
        return UUID(value)
    return value


def _unavailable(error: sqlite3.OperationalError, path: Path) -> Unavailable:
    if "full" in str(error):
        _log.error(LogEvent.DATABASE_FULL, path=str(path))
        return Unavailable(
            f"The database {path} cannot grow: {error}.",
            "Nothing was changed. Free some disk space and try again.",
        )
    return Unavailable(f"The database {path} does not answer: {error}.", "Nothing was changed.")
