"""Folded offers: most offers come to nothing, so neither their birth nor their end costs rows.

The components of an offer, INITIALIZING, follow from its document; its first events - what was
said, OFFERED and the schedule - from its messages, its terms and when it was made; those that it
ends with, if nobody accepts it, from its phase, its messages and when it ended. When something
begins with the offer, as it is accepted or changed, its components get rows, and so does its first
schedule, which its terms do not tell any more. Readers see the same either way (S11).
"""

from collections.abc import Iterator
from datetime import datetime
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
    """Let what will not follow from it any more be written the next time that the session is:
    before its first change. Without effect on one that is not folded, or has come to nothing."""
    if session.is_folded and session.phase is SessionPhase.OFFERED:
        session.components = _components(session.document)
        session.new_events = [_schedule(session)]
        session.events -= 1
        session.is_folded = False


def begin(session: StoredSession) -> None:
    """A session that is not stored yet is not going to be an offer: it has its components, and the
    messages that it was made with are its first events."""
    session.components = _components(session.document)
    session.new_events += _told(session, session.created)


async def whole(
    connection: Connection, id_: int, events: int, after: int, stored: list[tuple[int, NewEvent]]
) -> list[tuple[int, NewEvent]]:
    """The log of a session after a number: what is stored of it, with what has no rows.
    `events`: the number of its last event."""
    last = stored[-1][0] if stored else after
    if last == events and last == after + len(stored):
        return stored
    session = await sessions.by_id(connection, id_)
    if session is None:
        return stored
    log = dict(enumerate(_births(session), 1))
    ends = list(_ends(session))
    log |= enumerate(ends, events + 1 - len(ends))
    log |= stored
    return [(number, log[number]) for number in sorted(log) if number > after]


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


def _births(session: StoredSession) -> Iterator[NewEvent]:
    """Its first events. The schedule is the one that has a row, if it was unfolded."""
    yield from _told(session, session.created)
    phase = {"phase": SessionPhase.OFFERED.value}
    yield NewEvent(SESSION_PHASE, None, phase, session.created)
    yield _schedule(session)


def _ends(session: StoredSession) -> Iterator[NewEvent]:
    """The last events of an offer that came to nothing (`accepting.refuse`)."""
    if session.accepted is None and session.ended is not None:
        yield NewEvent(SESSION_PHASE, None, {"phase": session.phase.value}, session.ended)
        yield from _told(session, session.ended)


def _schedule(session: StoredSession) -> NewEvent:
    terms = decode(encode({"terms": session.terms}), dict)
    return NewEvent(SCHEDULE, None, terms, session.created)


def _told(session: StoredSession, time: datetime) -> Iterator[NewEvent]:
    """What was said at a time."""
    for message in session.messages:
        if message.time == time:
            body = {"message": msgspec.to_builtins(message)}
            yield NewEvent(MESSAGE, None, body, time)
