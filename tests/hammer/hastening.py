"""Starts sessions early, as the step does that starts them once all is ready."""

from datetime import datetime
from typing import Any
from uuid import UUID

from execution_broker.steps.advancing import hasten
from execution_broker.storage import sessions
from execution_broker.storage.database import Connection
from execution_broker.storage.records import StoredSession
from execution_broker.storage.sessions import locate


class Ready:
    """The transaction of a step of one session, which is written when the step is done."""

    def __init__(self, connection: Connection, session: StoredSession) -> None:
        self._connection = connection
        self._session = session

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def save(self, session: StoredSession, now: datetime) -> None:
        assert session is self._session


async def start_early(connection: Connection, uuid: UUID) -> bool:
    """Let an accepted session that has not ended be ready now; whether it starts before its planned
    start, and what it books has moved."""
    located = await locate(connection, uuid)
    if located is None:
        return False
    await sessions.lock(connection, {located.id})
    session = await sessions.by_id(connection, located.id)
    if session is None or session.accepted is None or session.ended is not None:
        return False
    before, now = session.terms.advanced, await connection.clock()
    ready: Any = Ready(connection, session)
    await hasten(ready, session, 0, now)
    await sessions.save(connection, session, now)
    return session.terms.advanced > before
