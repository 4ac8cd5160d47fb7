"""Which part of a list somebody wants."""

from datetime import UTC, datetime
from typing import Final, NamedTuple
from uuid import UUID

from execution_broker.models.phases import SessionPhase

MOST: Final = 200
"""The most that one page has."""

EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
NEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)


class Page(NamedTuple):
    """`limit` at most, after the one that is called `cursor`, made in [since, until)."""

    limit: int = 50
    cursor: UUID | None = None
    since: datetime = EVER
    until: datetime = NEVER


class SessionFilter(NamedTuple):
    """Empty: any. `name` is that of the session or of its executable."""

    phases: frozenset[SessionPhase] = frozenset()
    name: str = ""
