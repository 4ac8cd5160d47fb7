"""One transaction's connection to PostgreSQL: how statements go to the server, and many as one."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any, Final

from execution_broker.domain.measures import Measure
from execution_broker.domain.plan import StepKind
from execution_broker.storage.database import Measured, Part, Row
from execution_broker.storage.postgres_dialect import SHIFT, Dialect, at_once, dialect, over_arrays
from execution_broker.storage.ringing import EVERY

Bulk = tuple[str, str | None]
"""A statement for many rows, and the parameter that is the same for all."""
_NOW: Final = "now"
_OFTEN: Final = 20


class Known:
    """What is known of statements for many rows. Shared by the transactions of one process."""

    def __init__(self) -> None:
        self.bulk: dict[Any, str] = {}
        self._wanted: Counter[tuple[Bulk, ...]] = Counter()

    def is_often(self, statements: tuple[Bulk, ...]) -> bool:
        """Whether these were wanted together often by now."""
        self._wanted[statements] += 1
        return self._wanted[statements] > _OFTEN


class PostgresConnection:
    """A transaction on PostgreSQL."""

    def __init__(self, connection: Any, shift: timedelta, known: Known) -> None:
        self._connection = connection
        self._shift = shift
        self._known = known
        self._bulk = known.bulk
        self.rung: frozenset[StepKind] | None = None
        self.has_changed = False
        self.measured: list[Measured] = []

    async def rows(self, statement: str, /, **values: Any) -> list[Row]:
        said = self._say(statement)
        found: list[Row] = await self._connection.fetch(said.sql, *self._in_order(said, values))
        return found

    async def row(self, statement: str, /, **values: Any) -> Row | None:
        found = await self.rows(statement, **values)
        return found[0] if found else None

    async def execute(self, statement: str, /, **values: Any) -> int:
        said = self._say(statement)
        status: str = await self._connection.execute(said.sql, *self._in_order(said, values))
        return int(status.rsplit(" ", 1)[-1])

    async def many(self, statement: str, values: Sequence[Mapping[str, Any]], /) -> None:
        if not values:
            return
        said = self._say(statement)
        if len(values) > 1 and _are_apart(said, values):
            same = _same(values)
            sql = await self._of_many(statement, said, same)
            await self._connection.execute(sql, *_columns(said, values, same))
        else:
            rows = [self._in_order(said, one) for one in values]
            await self._connection.executemany(said.sql, rows)

    async def all(self, *parts: Part) -> None:
        """One statement of all parts. Until the same parts have had values often, also of those
        without: the server plans a statement once for each connection, which costs as much as to
        find some ten times that there is nothing to do."""
        together: list[Part] = []
        for statement, values in parts:
            if _are_apart(dialect(statement), values):
                together.append((statement, values))
            else:
                await self.many(statement, values)
        wanted = [(statement, values) for statement, values in together if values]
        if len(wanted) < 2:
            for statement, values in wanted:
                await self.many(statement, values)
            return
        statements = _bulk_of(wanted)
        if not self._known.is_often(statements):
            wanted, statements = together, _bulk_of(together)
        sql = await self._at_once(statements)
        columns = [
            column
            for (statement, values), (_, same) in zip(wanted, statements, strict=True)
            for column in _columns(self._say(statement), values, same)
        ]
        await self._connection.execute(sql, *columns)

    async def each(self, statement: str, values: Sequence[Mapping[str, Any]], /) -> list[Row]:
        if not values:
            return []
        said = self._say(statement)
        found: list[Row]
        if len(values) > 1 and said.is_row:
            same = _same(values)
            sql = await self._of_many(statement, said, same)
            found = await self._connection.fetch(sql, *_columns(said, values, same))
        else:
            rows = [self._in_order(said, one) for one in values]
            found = await self._connection.fetchmany(said.sql, rows)
        return found

    async def clock(self) -> datetime:
        now: datetime = await self._connection.fetchval("SELECT clock_timestamp()")
        return now + self._shift

    def ring(self, kinds: Collection[StepKind] = EVERY) -> None:
        self.rung = (self.rung or frozenset()).union(kinds)

    def measure(self, what: Measure, *labels: str, value: float = 1) -> None:
        self.measured.append(Measured(what, value, labels))

    def _say(self, statement: str) -> Dialect:
        said = dialect(statement)
        self.has_changed |= said.changes
        return said

    def _in_order(self, said: Dialect, values: Mapping[str, Any]) -> list[Any]:
        return [self._shift if name == SHIFT else values[name] for name in said.names]

    async def _of_many(self, statement: str, said: Dialect, same: str | None) -> str:
        """The statement for many rows; the server says of what types its parameters are. `same`:
        the parameter that is the same for all of them."""
        if (statement, same) not in self._bulk:
            prepared = await self._connection.prepare(said.sql)
            types = [one.name for one in prepared.get_parameters()]
            numbers = [number for number, name in enumerate(said.names, 1) if name == same]
            self._bulk[statement, same] = over_arrays(said.sql, types, numbers)
        return self._bulk[statement, same]

    async def _at_once(self, statements: tuple[Bulk, ...]) -> str:
        """One statement of all of these for many rows."""
        if statements not in self._bulk:
            each = [await self._of_many(one, dialect(one), same) for one, same in statements]
            self._bulk[statements] = at_once(each)
        return self._bulk[statements]


def _are_apart(said: Dialect, values: Sequence[Mapping[str, Any]]) -> bool:
    """Whether it can be about all of these at a time: of two for one row the later one is the
    last."""
    if not said.keys:
        return said.is_row
    key = itemgetter(*said.keys)
    return said.is_row and len({key(one) for one in values}) == len(values)


def _bulk_of(parts: Sequence[Part]) -> tuple[Bulk, ...]:
    return tuple((statement, _same(values)) for statement, values in parts)


def _same(values: Sequence[Mapping[str, Any]]) -> str | None:
    """The time of a transaction, where it is that of all rows: an array of it is dear to write."""
    now = values[0].get(_NOW) if values else None
    return _NOW if all(one.get(_NOW) == now for one in values) else None


def _columns(said: Dialect, values: Sequence[Mapping[str, Any]], same: str | None) -> list[Any]:
    return [
        next((one[name] for one in values), None) if name == same else [one[name] for one in values]
        for name in said.names
    ]
