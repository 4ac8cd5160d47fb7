"""Parts of lists, newest first, and of the logs of sessions."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from execution_broker.domain.errors import InvalidParameter
from execution_broker.domain.offer import Terms
from execution_broker.domain.paging import Page
from execution_broker.models.execution import ExecutionSession
from execution_broker.models.phases import SessionPhase
from execution_broker.storage.database import Connection, Glance, Row
from execution_broker.storage.documents import decode
from execution_broker.storage.records import NewEvent, document_of

_LAST: Final = 2**62


class ListedSession(NamedTuple):
    uuid: UUID
    phase: SessionPhase
    platform: str
    owner: str
    name: str | None
    document: ExecutionSession
    terms: Terms
    created: datetime
    modified: datetime
    expires: datetime
    started: datetime | None
    ends: datetime | None
    ended: datetime | None


class ListedOfferSet(NamedTuple):
    uuid: UUID
    result: str
    owner: str
    created: datetime
    expires: datetime | None


class LogHead(NamedTuple):
    """`events`: the number of the last one that is stored."""

    id: int
    identity: int
    phase: SessionPhase
    events: int
    expires: datetime
    released: datetime | None


async def sessions(
    connection: Connection,
    identity: int | None,
    page: Page,
    phases: Iterable[SessionPhase],
    now: datetime,
) -> list[ListedSession]:
    """One page of an identity's sessions, or of all. InvalidParameter if its cursor is gone."""
    values = {
        "before": await _before(connection, "session_position", page),
        "since": page.since,
        "until": page.until,
        "limit": page.limit,
        "phases": [str(phase) for phase in phases],
        "now": now,
    }
    if identity is None:
        rows = await connection.rows("all_sessions", **values)
    else:
        rows = await connection.rows("own_sessions", identity=identity, **values)
    return [_session(row) for row in rows]


async def offersets(
    connection: Connection, identity: int | None, page: Page
) -> list[ListedOfferSet]:
    """One page of an identity's answers, or of all. InvalidParameter if its cursor is gone."""
    values = {
        "before": await _before(connection, "offerset_position", page),
        "since": page.since,
        "until": page.until,
        "limit": page.limit,
    }
    if identity is None:
        rows = await connection.rows("all_offersets", **values)
    else:
        rows = await connection.rows("own_offersets", identity=identity, **values)
    return [
        ListedOfferSet(r["uuid"], r["result"], r["owner"], r["created_at"], r["expires_at"])
        for r in rows
    ]


async def log_head(connection: Connection, uuid: UUID) -> LogHead | None:
    row = await connection.row("log_head", uuid=uuid)
    if row is None:
        return None
    return LogHead(
        row["id"],
        row["identity_id"],
        SessionPhase(row["phase"]),
        row["events"],
        row["expires_at"],
        row["released_at"],
    )


async def log_page(
    connection: Connection, session: int, after: int, limit: int
) -> list[tuple[int, NewEvent]]:
    """Events with their numbers."""
    rows = await connection.rows("log_page", session=session, after=after, limit=limit)
    return [
        (
            row["number"],
            NewEvent(row["type"], row["component"], decode(row["body"], dict), row["happened_at"]),
        )
        for row in rows
    ]


async def pulses(connection: Glance, uuids: Sequence[UUID]) -> dict[UUID, str]:
    """By public name what differs from what it was as soon as a reader of that session would see
    a change. One statement."""
    found: dict[UUID, list[str]] = {}
    for row in await connection.rows("pulses", uuids=list(uuids)):
        is_expired = row["phase"] == "OFFERED" and row["expires_at"] <= row["read_at"]
        part = f"{row['events']} {row['phase']} {row['progress']} {is_expired}"
        found.setdefault(row["uuid"], []).append(part)
    return {uuid: str(parts) for uuid, parts in found.items()}


async def _before(connection: Connection, statement: str, page: Page) -> int:
    if page.cursor is None:
        return _LAST
    row = await connection.row(statement, uuid=page.cursor)
    if row is None:
        raise InvalidParameter(
            f"The cursor {page.cursor} is no longer in the list.", "Begin again without a cursor."
        )
    return int(row["id"])


def _session(row: Row) -> ListedSession:
    return ListedSession(
        uuid=row["uuid"],
        phase=SessionPhase(row["phase"]),
        platform=row["platform"],
        owner=row["owner"],
        name=row["name"],
        document=document_of(row),
        terms=decode(row["terms"], Terms),
        created=row["created_at"],
        modified=row["modified_at"],
        expires=row["expires_at"],
        started=row["started_at"],
        ends=row["ends_at"],
        ended=row["ended_at"],
    )
