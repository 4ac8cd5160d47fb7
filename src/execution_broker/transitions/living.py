"""Changes of a loaded session, in memory: every one is checked and leaves an event (S11)."""

from datetime import datetime

import msgspec

from execution_broker.domain.lifecycle import COMPONENT_ENDS, move_component, move_session
from execution_broker.models.message import Message
from execution_broker.models.phases import ComponentPhase, SessionPhase
from execution_broker.storage import records
from execution_broker.storage.records import LockedOffer, NewEvent, StoredSession

SESSION_PHASE = records.SESSION_PHASE
COMPONENT_PHASE = "component-phase"
MESSAGE = "message"
STEP_END = "step-end"
SCHEDULE = "schedule"


def enter(session: LockedOffer, phase: SessionPhase, now: datetime) -> None:
    """The session goes to a phase; IllegalTransition if it may not."""
    session.phase = move_session(session.phase, phase)
    _record(session, SESSION_PHASE, None, {"phase": phase}, now)


def enter_component(session: StoredSession, key: str, phase: ComponentPhase, now: datetime) -> None:
    """A component goes to a phase; going where it is already changes nothing."""
    component = session.components[key]
    if component.phase is phase:
        return
    component.phase = move_component(component.phase, phase)
    _record(session, COMPONENT_PHASE, key, {"phase": phase}, now)


def enter_live_components(session: StoredSession, phase: ComponentPhase, now: datetime) -> None:
    """Every component that has not ended goes to a phase."""
    for key, component in session.components.items():
        if component.phase not in COMPONENT_ENDS:
            enter_component(session, key, phase, now)


def say(
    session: LockedOffer, message: Message, now: datetime, component: str | None = None
) -> None:
    """Add a message to one of its components, or else to the session: what is about something that
    is none (its outputs) is about the session."""
    timed = msgspec.structs.replace(message, time=now)
    target = session.components.get(component) if component else None
    (target or session).messages.append(timed)
    place = None if target is None else component
    _record(session, MESSAGE, place, {"message": msgspec.to_builtins(timed)}, now)


def note_schedule(session: LockedOffer, now: datetime) -> None:
    """Record the terms as they are now: what replay derives every schedule from."""
    body = {"terms": msgspec.to_builtins(session.terms)}
    _record(session, SCHEDULE, None, body, now)


def _record(
    session: LockedOffer,
    type_: str,
    component: str | None,
    body: dict[str, object],
    now: datetime,
) -> None:
    session.modified = now
    session.new_events.append(NewEvent(type_, component, body, now))
