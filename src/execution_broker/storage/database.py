"""What a database offers to the rest: whole transactions, a clock, and a bell.

Work handed to a database is a coroutine over one connection that awaits nothing else, so that the
same code runs in SQLite's writer thread and on asyncpg. It may run again from the start after a
deadlock: it must have no effect but its statements.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol, TypeVar

from execution_broker.domain.measures import Measure, Meter
from execution_broker.domain.plan import StepKind
from execution_broker.storage.ringing import EVERY

T = TypeVar("T")
Row = Mapping[str, Any]
"""One row by column name. Columns named `..._at` are aware datetimes, `...uuid` are UUIDs."""
Part = tuple[str, Sequence[Mapping[str, Any]]]
"""A statement, and the sets of values for each of which it is meant."""


class Measured(NamedTuple):
    """What a transaction measured, until it is committed."""

    what: Measure
    value: float
    labels: tuple[str, ...]


class Glance(Protocol):
    """A connection for one statement that reads. Statements are called by their names in `sql/`."""

    async def rows(self, statement: str, /, **values: Any) -> list[Row]: ...

    async def row(self, statement: str, /, **values: Any) -> Row | None:
        """The only row, or None."""
        ...


class Connection(Glance, Protocol):
    """One transaction's connection."""

    async def execute(self, statement: str, /, **values: Any) -> int:
        """How many rows were changed."""
        ...

    async def many(self, statement: str, values: Sequence[Mapping[str, Any]], /) -> None:
        """The statement once for each set of values."""
        ...

    async def all(self, *parts: Part) -> None:
        """Each of these statements once for each of its sets of values, all in one round trip if
        the database can. They change different rows, and none sees what another one does."""
        ...

    async def each(self, statement: str, values: Sequence[Mapping[str, Any]], /) -> list[Row]:
        """The statement once for each set of values; the one row that each gives, in order."""
        ...

    async def clock(self) -> datetime:
        """The database's time now, not the transaction's (B5)."""
        ...

    def ring(self, kinds: Collection[StepKind] = EVERY) -> None:
        """Once this transaction is committed, wake the workers that wait for steps of these kinds,
        and whoever follows a session."""
        ...

    def measure(self, what: Measure, *labels: str, value: float = 1) -> None:
        """Count something, or note a time, once this transaction is committed."""
        ...


Work = Callable[[Connection], Awaitable[T]]
Look = Callable[[Glance], Awaitable[T]]


class Database(Protocol):
    @property
    def meter(self) -> Meter:
        """Where what is measured outside of transactions goes, too."""
        ...

    async def read(self, work: Work[T]) -> T:
        """Run work that only reads. It sees one consistent state."""
        ...

    async def look(self, look: Look[T]) -> T:
        """Run one statement that reads. It sees one state without a transaction, which on a
        server would cost more than the statement."""
        ...

    async def write(self, work: Work[T]) -> T:
        """Run work and commit, or change nothing. Unavailable when the database is not there."""
        ...

    async def write_soon(self, work: Work[T]) -> T:
        """Like `write`, but a crash of the server may undo the last of these: for what is found
        out again by itself, as a lost lease is. A later `write` makes all earlier ones last."""
        ...

    async def write_apart(self, work: Work[T]) -> T:
        """Each statement is a transaction of its own: for work of one statement that writes, in
        one round trip. One with `{soon}` among its conditions is as if by `write_soon`."""
        ...

    def heard(self, kinds: Collection[StepKind] | None = None) -> int:
        """How often the bell was heard so far, for these kinds or at all: by this process's own
        writes, or another's."""
        ...

    async def wait(
        self, seconds: float, heard: int, kinds: Collection[StepKind] | None = None
    ) -> None:
        """Return when the bell has rung more often than `heard`, or after so many seconds."""
        ...

    async def close(self) -> None: ...


class OneStatement:
    """Sees to it that a look is one statement: two of them might see different states."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._statement: str | None = None

    async def rows(self, statement: str, /, **values: Any) -> list[Row]:
        if self._statement is not None:
            raise RuntimeError(f"{statement} after {self._statement} needs a transaction: `read`.")
        self._statement = statement
        return await self._connection.rows(statement, **values)

    async def row(self, statement: str, /, **values: Any) -> Row | None:
        found = await self.rows(statement, **values)
        return found[0] if found else None
