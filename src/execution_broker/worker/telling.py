"""What the lines of the log are told of a step, and which of them tell of its session (S12)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from structlog.contextvars import bind_contextvars, reset_contextvars

from execution_broker.domain.lifecycle import SESSION_ENDS
from execution_broker.models.phases import SessionPhase
from execution_broker.steps.orders import Loaded
from execution_broker.storage import sessions
from execution_broker.storage.database import Connection
from execution_broker.storage.records import LeasedStep, NewEvent, StoredSession
from execution_broker.transitions.living import SESSION_PHASE
from execution_broker.transitions.telling import tell_ended, tell_started


@contextmanager
def telling_of(step: LeasedStep, processor: UUID) -> Iterator[None]:
    """Lines that are written in the body name the step and who carries it."""
    before = bind_contextvars(processor=str(processor), step=str(step.uuid), kind=step.kind.word)
    try:
        yield
    finally:
        reset_contextvars(**before)


def name_session(loaded: Any) -> None:
    """Lines that this task writes from now on name the session of what it has loaded, its owner and
    its platform."""
    if isinstance(loaded, Loaded):
        bind_contextvars(**names_of(loaded.session))


async def names_of_session(connection: Connection, id_: int) -> dict[str, str]:
    """The names of a session that nobody has loaded; none if it is deleted."""
    session = await sessions.by_id(connection, id_)
    return {} if session is None else names_of(session)


def names_of(session: StoredSession) -> dict[str, str]:
    return {"session": str(session.uuid), "owner": session.owner, "platform": session.place}


def tell(added: Sequence[tuple[StoredSession, NewEvent]]) -> None:
    """A line for each session that has started or ended by these events."""
    for session, event in added:
        if event.type != SESSION_PHASE:
            continue
        phase = event.body["phase"]
        if phase == SessionPhase.RUNNING:
            tell_started(session)
        elif phase in SESSION_ENDS:
            tell_ended(session, event.time)
