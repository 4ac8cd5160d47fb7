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
    """Decide once when a session that has started late ends. Where another process has the lock of
    its platform nothing is decided: whoever watches it asks again.
    """
    late = lateness(session)
    if late <= PUNCTUAL or any(message.kind in _DECIDED for message in session.messages):
        return
    decision = await bookings.decide(connection, [session.platform], waits=False)
    platform = decision.platforms.get(session.platform)
    if platform is None:
        return
    assert session.started is not None
    moved = postpone(session.terms, int(session.started.timestamp()))
    missing = tail(session.terms, moved)
    if await has_room(connection, session, platform.capacity, missing, decision.now):
        session.terms = moved
        session.ends = session.started + timedelta(seconds=moved.duration)
        await rebook(connection, session, decision)
        await steps.set_due(connection, session.id, StepKind.END, session.ends)
        note_schedule(session, now)
        told = messages.POSTPONED
    else:
        told = messages.STARTED_LATE
    assert session.ends is not None
    end = write_instant(session.ends.replace(microsecond=0))
    say(session, told(late=write_duration(late), end=end), now)
    session.is_promise_broken = True
    connection.measure(Measure.PROMISES_BROKEN)
    connection.save(session, now)


def lateness(session: StoredSession) -> timedelta:
    """How much later than promised it has started."""
    if session.started is None:
        return timedelta()
    promised = planned_start(session) + timedelta(seconds=session.terms.advanced)
    return timedelta(seconds=int((session.started - promised).total_seconds()))
