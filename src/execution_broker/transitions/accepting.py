"""How an offer becomes a session that will be prepared, run and released."""

from datetime import UTC, datetime
from uuid import uuid5

from execution_broker.domain.errors import Conflict
from execution_broker.domain.lifecycle import StepPhase
from execution_broker.domain.plan import StepKind
from execution_broker.domain.reserving import fix
from execution_broker.models.phases import SessionPhase
from execution_broker.storage.records import StoredSession
from execution_broker.storage.steps import NewStep
from execution_broker.transitions.living import enter, note_schedule


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


def begin(session: StoredSession, now: datetime, trace: str | None) -> list[NewStep]:
    """Fix the start (N8) and accept; the steps that the plan becomes (S9).

    What was held for the offer has to be replaced by what its terms book now. `trace`: the trace
    context of who accepts, which the steps continue.
    """
    session.terms = fix(session.terms, int(now.timestamp()))
    session.accepted = now
    session.trace = trace
    enter(session, SessionPhase.ACCEPTED, now)
    note_schedule(session, now)
    return _steps(session, now)


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
