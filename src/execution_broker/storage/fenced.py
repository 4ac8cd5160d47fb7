"""A transaction that needs no lock: of steps that belong to no session, nothing but their own ends.

Each end is void by itself where the lease was lost (S1), so that one statement is enough: what is
locked, begun and committed for others is not for these.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NoReturn

from execution_broker.domain.measures import Measure
from execution_broker.domain.plan import StepKind
from execution_broker.storage.database import Connection, Part, Row
from execution_broker.storage.ringing import EVERY

_FENCED: Final = frozenset({"end_step", "end_step_with", "put_back"})


class NeedsLocks(Exception):
    """Something else is asked of the database: all of it has to begin again, with locks first."""


class Fenced:
    """A Connection for one statement that ends steps, or puts them back, in the order in which
    everybody locks them. Before anything else it raises NeedsLocks."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def rows(self, statement: str, /, **values: Any) -> list[Row]:
        _refuse(statement)

    async def row(self, statement: str, /, **values: Any) -> Row | None:
        _refuse(statement)

    async def execute(self, statement: str, /, **values: Any) -> int:
        _refuse(statement)

    async def many(self, statement: str, values: Sequence[Mapping[str, Any]], /) -> None:
        if values:
            _refuse(statement)

    async def all(self, *parts: Part) -> None:
        written = [(statement, values) for statement, values in parts if values]
        for statement, _ in written:
            if statement not in _FENCED:
                _refuse(statement)
        await self._connection.all(
            *((statement, sorted(values, key=_id)) for statement, values in written)
        )

    async def each(self, statement: str, values: Sequence[Mapping[str, Any]], /) -> list[Row]:
        _refuse(statement)

    async def clock(self) -> datetime:
        _refuse("the time")

    def ring(self, kinds: Collection[StepKind] = EVERY) -> None:
        self._connection.ring(kinds)

    def measure(self, what: Measure, *labels: str, value: float = 1) -> None:
        self._connection.measure(what, *labels, value=value)


def _id(values: Mapping[str, Any]) -> int:
    found: int = values["id"]
    return found


def _refuse(statement: str) -> NoReturn:
    raise NeedsLocks(statement)
