"""Starting late: who has waited for its place to start has its end moved, if there is room.

Its time counts from when its place says that it runs, so that a queue takes nothing from it. Where
others have what comes after its promised end, that end stays.
"""

from datetime import datetime, timedelta
from typing import Final

from execution_broker.domain import messages
from execution_broker.domain.iso8601 import write_duration, write_instant
from execution_broker.domain.measures import Measure
from execution_broker.domain.notices import PUNCTUAL
from execution_broker.domain.plan import StepKind
from execution_broker.domain.reserving import postpone, tail
from execution_broker.steps.advancing import planned_start
from execution_broker.steps.moving import has_room, rebook
from execution_broker.storage import bookings, steps
from execution_broker.storage.batch import Batch
from execution_broker.storage.records import StoredSession
from execution_broker.transitions.living import note_schedule, say

_DECIDED: Final = frozenset({messages.STARTED_LATE.kind, messages.POSTPONED.kind})


async def settle_end(connection: Batch, session: StoredSession, now: datetime) -> None:
    """Decide once when a session ends that was started too late for its whole time. Where another
    process has the lock of its platform nothing is decided: whoever watches it asks again.
    """
    if session.started is None or session.ends is None:
        return
    whole = session.started + timedelta(seconds=session.terms.duration)
    if whole - session.ends <= PUNCTUAL or _is_decided(session):
        return
    decision = await bookings.decide(connection, [session.platform], waits=False)
    platform = decision.platforms.get(session.platform)
    if platform is None:
        return
    late = max(_lateness(session), timedelta())
    moved = postpone(session.terms, int(session.started.timestamp()))
    missing = tail(session.terms, moved)
    has_moved = await has_room(connection, session, platform.capacity, missing, decision.now)
    if has_moved:
        session.terms, session.ends = moved, whole
        await rebook(connection, session, decision)
        await steps.set_due(connection, session.id, StepKind.END, whole)
        note_schedule(session, now)
    if late > PUNCTUAL or not has_moved:
        told = messages.POSTPONED if has_moved else messages.STARTED_LATE
        end = write_instant(session.ends.replace(microsecond=0))
        say(session, told(late=write_duration(late), end=end), now)
        session.is_promise_broken = True
        connection.measure(Measure.PROMISES_BROKEN)
    connection.save(session, now)


def _is_decided(session: StoredSession) -> bool:
    return any(message.kind in _DECIDED for message in session.messages)


def _lateness(session: StoredSession) -> timedelta:
    """How much later than promised it has started; less than none if before that."""
    assert session.started is not None
    promised = planned_start(session) + timedelta(seconds=session.terms.advanced)
    return timedelta(seconds=int((session.started - promised).total_seconds()))
