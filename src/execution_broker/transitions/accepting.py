"""How an offer becomes a session that will be prepared, run and released."""

from datetime import UTC, datetime
from uuid import UUID, uuid5

from execution_broker.domain import messages
from execution_broker.domain.errors import Conflict
from execution_broker.domain.lifecycle import StepPhase
from execution_broker.domain.plan import StepKind
from execution_broker.domain.reserving import fix
from execution_broker.models.phases import SessionPhase
from execution_broker.storage import bookings, sessions, steps
from execution_broker.storage.database import Connection
from execution_broker.storage.records import StoredSession
from execution_broker.storage.steps import NewStep
from execution_broker.transitions import holding
from execution_broker.transitions.living import enter, note_schedule, say


async def accept(connection: Connection, offerset: int, uuid: UUID) -> None:
    """Accept one offer and let the others go, in one transaction.

    An offer accepted before stays as it is, in any later phase. Conflict when it has expired,
    was refused, or when another offer of the set was accepted.
    """
    await sessions.lock_offerset(connection, offerset)
    siblings = await sessions.of_offerset(connection, offerset)
    await sessions.lock(connection, [session.id for session in siblings])
    siblings = await sessions.of_offerset(connection, offerset)
    locked = await bookings.lock_platforms(connection, {s.platform for s in siblings})
    now = await bookings.decision_time(connection, locked.values())
    chosen = next(session for session in siblings if session.uuid == uuid)
    if chosen.accepted is not None:
        return
    check_offered(chosen, now)
    await holding.let_go(connection, offerset, now)
    for session in siblings:
        if session is not chosen and session.phase is SessionPhase.OFFERED:
            refuse(session, SessionPhase.REJECTED, now)
            say(session, messages.SIBLING_ACCEPTED(), now)
            await sessions.save(connection, session, now)
    await begin(connection, chosen, now)


def check_offered(session: StoredSession, now: datetime) -> None:
    """Conflict unless the session is an offer that still holds (B5)."""
    if session.phase is SessionPhase.OFFERED and now < session.expires:
        return
    phase = session.phase
    if phase is SessionPhase.OFFERED:
        phase = SessionPhase.EXPIRED
    raise Conflict(
        f"The session {session.uuid} is {phase}: only an OFFERED one can be accepted or rejected.",
        "Post the request again to get new offers.",
    )


def refuse(session: StoredSession, phase: SessionPhase, now: datetime) -> None:
    """An offer comes to nothing: REJECTED, EXPIRED or CANCELLED, with nothing to release."""
    enter(session, phase, now)
    session.ended = session.released = now


async def begin(connection: Connection, session: StoredSession, now: datetime) -> None:
    """Fix the start (N8), book for good, and turn the plan into steps (S9). Platform is locked."""
    session.terms = fix(session.terms, int(now.timestamp()))
    session.accepted = now
    enter(session, SessionPhase.ACCEPTED, now)
    note_schedule(session, now)
    await holding.confirm(connection, session, now)
    await steps.add(connection, session.id, session.platform, _steps(session, now), now)
    await sessions.save(connection, session, now)


def _steps(session: StoredSession, now: datetime) -> list[NewStep]:
    end = datetime.fromtimestamp(session.terms.start + session.terms.duration, UTC)
    return [
        NewStep(
            uuid=uuid5(session.uuid, step.key),
            kind=step.kind,
            key=step.key,
            component=step.component,
            phase=StepPhase.READY if step.kind is StepKind.BEGIN else StepPhase.DORMANT,
            due=end if step.kind is StepKind.END else now,
            needs=step.needs,
            after=step.after,
        )
        for step in session.plan().steps
    ]
