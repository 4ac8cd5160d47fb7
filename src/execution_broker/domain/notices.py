"""Notices: what owners of sessions are told where they asked for it, and when."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from execution_broker.domain import messages
from execution_broker.domain.offer import Terms
from execution_broker.models.phases import SessionPhase
from execution_broker.models.told import Told

TOLD_IN: Final[Mapping[SessionPhase, tuple[Told, ...]]] = {
    SessionPhase.PREPARING: (Told.LATE,),
    SessionPhase.RUNNING: (Told.READY, Told.ENDS_SOON),
    SessionPhase.FAILED: (Told.FAILED,),
}
"""What there may be to tell of a session from when it enters a phase."""

PUNCTUAL: Final = timedelta(seconds=5)
"""What starts within it after its time has started as promised."""

TOLD_WITH: Final = {messages.IDLE_WARNING.kind: Told.IDLE}
"""What there is to tell with a message to a session."""

_TEMPLATES: Final = {
    Told.READY: "The session has started: it can be used until {end}.",
    Told.LATE: "The session was promised to start by {latest}, and {state}.",
    Told.ENDS_SOON: "The session ends at {end}. What is not saved by then is lost.",
    Told.IDLE: "The session is idle. {reason}",
    Told.FAILED: "The session has failed: {reason}",
}


class Course(NamedTuple):
    """A session as far as there is something to tell of it. `why`: what was said of it last."""

    uuid: UUID
    name: str | None
    phase: SessionPhase
    terms: Terms
    started: datetime | None
    ends: datetime | None
    ended: datetime | None
    why: str | None

    @property
    def latest(self) -> datetime:
        """When it is to have started, as it was promised."""
        return datetime.fromtimestamp(self.terms.latest + self.terms.advanced, UTC)


def due(told: Told, course: Course, lead: timedelta) -> datetime | None:
    """When it is to be told, perhaps long ago; None where it is not true, and will not be.

    `lead`: how long before its end a session ends soon; no longer than half of its time."""
    match told:
        case Told.READY:
            return course.started
        case Told.LATE:
            late = course.latest + PUNCTUAL
            in_time = course.started is not None and course.started <= late
            return None if in_time or course.ended is not None else late
        case Told.ENDS_SOON:
            if course.started is None or course.ends is None or course.ended is not None:
                return None
            return course.ends - min(lead, (course.ends - course.started) / 2)
        case Told.IDLE:
            return None if course.ended is not None else course.started
        case Told.FAILED:
            return course.ended if course.phase is SessionPhase.FAILED else None


def sentence(told: Told, course: Course) -> str:
    """What is told, for people."""
    return _TEMPLATES[told].format(
        end="its end" if course.ends is None else _shown(course.ends),
        latest=_shown(course.latest),
        state="has not started yet" if course.started is None else "has started only now",
        reason=course.why or "look at it for the reason.",
    )


def _shown(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
