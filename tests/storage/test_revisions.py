"""Whoever has read a session knows by its revision whether it was written since."""

import re
from typing import Any

from execution_broker.domain import messages
from execution_broker.models.phases import ComponentPhase
from execution_broker.storage import sessions, sights
from execution_broker.storage.database import Connection
from execution_broker.storage.records import NewEvent, Progress, StoredSession
from execution_broker.storage.statements import statements
from tests.storage.rows import a_session, add_event

_BESIDE = {"save_component", "save_progress"}
"""Write components alone; what calls them writes the session in the same transaction."""


def test_every_statement_that_writes_a_session_counts_its_revision_up() -> None:
    writing = {
        name: text
        for name, text in statements().items()
        if re.search(r"\bUPDATE (session|component)\b", text)
    }
    silent = {name for name, text in writing.items() if "revision = revision + 1" not in text}
    assert silent == _BESIDE
    assert "save_session" in writing


async def test_all_that_a_reader_would_see_changes_the_revision(database: Any) -> None:
    rows = await a_session(database)
    id_ = rows.session.id

    async def revision() -> int:
        async def look(connection: Connection) -> int:
            seen = await sights.of_sessions(connection, [rows.session.uuid])
            return seen[rows.session.uuid].stamp.revision

        found: int = await database.read(look)
        return found

    async def saved(connection: Connection) -> None:
        session = await _locked(connection, id_)
        session.messages.append(messages.CANCELLED_BY(who="ada"))
        await sessions.save(connection, session, rows.now)

    async def component(connection: Connection) -> None:
        session = await _locked(connection, id_)
        next(iter(session.components.values())).phase = ComponentPhase.FAILED
        await sessions.save(connection, session, rows.now)

    async def event(connection: Connection) -> None:
        await sessions.lock(connection, [id_])
        await add_event(connection, id_, NewEvent("a", None, {}, rows.now))

    async def progress(connection: Connection) -> None:
        await sessions.save_progress(connection, id_, "data/0", Progress(1, 2, "bytes"))

    known = {await revision()}
    for write in (saved, component, event, progress):
        await database.write(write)
        now = await revision()
        assert now not in known
        known.add(now)
    assert await revision() in known, "reading changes nothing"


async def _locked(connection: Connection, id_: int) -> StoredSession:
    session = await sessions.locked(connection, id_)
    assert session is not None
    return session
