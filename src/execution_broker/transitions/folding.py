"""Folded offers: most offers come to nothing, so what an offer is born with costs no rows.

Its components, INITIALIZING, follow from its document; its first events - what was said, OFFERED
and the schedule - from its messages, its terms and when it was made. They get rows of their own
when something begins with the offer: it is accepted, or changed. Readers see the same either way,
and the rows are those that would have been there from the beginning (S11).
"""

from collections.abc import Iterator
from uuid import UUID

import msgspec

from execution_broker.domain.demand import COMPUTE, EXECUTABLE, data_key, storage_key
from execution_broker.domain.lifecycle import move_session
from execution_broker.models.component import LifecycleComponent
from execution_broker.models.execution import ExecutionSession
from execution_broker.models.phases import ComponentPhase, SessionPhase
from execution_broker.storage import sessions
from execution_broker.storage.database import Connection
from execution_broker.storage.documents import decode, encode
from execution_broker.storage.records import NewEvent, StoredComponent, StoredSession
from execution_broker.transitions.living import MESSAGE, SCHEDULE, SESSION_PHASE


def offer(session: StoredSession) -> None:
    """A session that is not stored yet is OFFERED, folded."""
    session.phase = move_session(session.phase, SessionPhase.OFFERED)
    session.events = len(session.messages) + 2
    session.is_folded = True


def unfold(session: StoredSession) -> None:
    """Let what it was born with be written the next time that the session is: before its first
    change. Without effect on one that is not folded, or has come to nothing."""
    if session.is_folded and session.phase is SessionPhase.OFFERED:
        session.components = _components(session.document)
        session.new_events = list(_births(session, len(session.messages)))
        session.events = 0
        session.is_folded = False


def begin(session: StoredSession) -> None:
    """A session that is not stored yet is not going to be an offer: it has its components, and the
    messages that it was made with are its first events."""
    session.components = _components(session.document)
    session.new_events += _told(session, len(session.messages))


async def whole(
    connection: Connection, id_: int, events: int, after: int, stored: list[tuple[int, NewEvent]]
) -> list[tuple[int, NewEvent]]:
    """The log of a session after a number: what is stored of it, behind what it was born with if
    that is not. `events`: the number of its last event."""
    born = (stored[0][0] if stored else events + 1) - 1
    if born <= after:
        return stored
    session = await sessions.by_id(connection, id_)
    if session is None or not session.is_folded:
        return stored
    return [*list(enumerate(_births(session, born - 2), 1))[after:], *stored]


def _components(document: ExecutionSession) -> dict[str, StoredComponent]:
    """The components of a session that have a life of their own, as they are at first: all but
    its volumes."""
    found: list[tuple[str, LifecycleComponent | None]] = [
        (EXECUTABLE, document.executable),
        (COMPUTE, document.compute),
        *((storage_key(i), storage) for i, storage in enumerate(document.storage)),
        *((data_key(i), data) for i, data in enumerate(document.data)),
    ]
    return {
        key: StoredComponent(
            id=0, key=key, uuid=UUID(one.meta.uuid), phase=ComponentPhase.INITIALIZING
        )
        for key, one in found
        if one is not None and one.meta is not None and one.meta.uuid is not None
    }


def _births(session: StoredSession, messages: int) -> Iterator[NewEvent]:
    """`messages`: how many it was made with; only those that say why it ended came later."""
    yield from _told(session, messages)
    phase = {"phase": SessionPhase.OFFERED.value}
    yield NewEvent(SESSION_PHASE, None, phase, session.created)
    terms = decode(encode({"terms": session.terms}), dict)
    yield NewEvent(SCHEDULE, None, terms, session.created)


def _told(session: StoredSession, messages: int) -> Iterator[NewEvent]:
    for message in session.messages[:messages]:
        body = {"message": msgspec.to_builtins(message)}
        yield NewEvent(MESSAGE, None, body, session.created)
