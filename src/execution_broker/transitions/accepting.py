"""How an offer becomes a session that will be prepared, run and released."""

from datetime import datetime

import msgspec

from execution_broker.domain.errors import Conflict
from execution_broker.domain.lifecycle import move_session
from execution_broker.domain.reserving import fix
from execution_broker.models.message import Message
from execution_broker.models.phases import SessionPhase
from execution_broker.storage.records import LockedOffer, StoredSession
from execution_broker.storage.steps import NewStep
from execution_broker.transitions.folding import unfold
from execution_broker.transitions.living import enter, note_schedule
from execution_broker.transitions.planned import first_step


def check_offered(session: LockedOffer, now: datetime) -> None:
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


def refuse(offer: LockedOffer, phase: SessionPhase, now: datetime, *why: Message) -> None:
    """An offer comes to nothing: REJECTED, EXPIRED or CANCELLED, with nothing to release. The
    events of that are counted and not written, as they follow from it (`folding`)."""
    offer.phase = move_session(offer.phase, phase)
    offer.messages += (msgspec.structs.replace(message, time=now) for message in why)
    offer.events += 1 + len(why)
    offer.modified = offer.ended = offer.released = now


def begin(session: StoredSession, now: datetime, trace: str | None) -> NewStep:
    """Fix the start (N8) and accept; the step that will begin its preparation (S9).

    What was held for the offer has to be replaced by what its terms book now. `trace`: the trace
    context of who accepts, which the steps continue.
    """
    unfold(session)
    session.terms = fix(session.terms, int(now.timestamp()))
    session.accepted = now
    session.trace = trace
    enter(session, SessionPhase.ACCEPTED, now)
    note_schedule(session, now)
    return first_step(session, now)
