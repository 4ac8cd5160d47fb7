"""Lists of what one has, and the log of a session: additions of ours to the standard."""

from datetime import datetime
from typing import Any, Literal

from execution_broker.models.base import Wire
from execution_broker.models.phases import SessionPhase


class SessionSummary(Wire, frozen=True):
    """What tells one session from others. `ends`: when its time is over at the latest.

    `start`, `duration`: what is promised, as in the session's schedule.
    """

    uuid: str
    url: str
    phase: SessionPhase
    platform: str
    owner: str
    created: datetime
    modified: datetime
    name: str | None = None
    executable: str | None = None
    start: str | None = None
    duration: str | None = None
    expires: datetime | None = None
    started: datetime | None = None
    ends: datetime | None = None
    ended: datetime | None = None


class SessionList(Wire, frozen=True):
    """Newest first. `next`: the address of the next page, if there is one."""

    sessions: tuple[SessionSummary, ...] = ()
    next: str | None = None


class OfferSetSummary(Wire, frozen=True):
    """`expires`: when the last of its offers does; absent if there are none."""

    uuid: str
    url: str
    result: Literal["YES", "NO"]
    owner: str
    created: datetime
    expires: datetime | None = None


class OfferSetList(Wire, frozen=True):
    """Newest first. `next`: the address of the next page, if there is one."""

    offersets: tuple[OfferSetSummary, ...] = ()
    next: str | None = None


class Event(Wire, frozen=True):
    """One entry in the log of a session. `number` begins with 1 and has no gaps.

    `component`: `executable`, `compute`, `storage/0`, `data/0`, ...; absent for the session itself.
    """

    number: int
    type: str
    time: datetime
    component: str | None = None
    body: dict[str, Any] = {}


class EventList(Wire, frozen=True):
    """Oldest first. `next`: the address of what follows; absent once nothing can follow."""

    events: tuple[Event, ...] = ()
    next: str | None = None
