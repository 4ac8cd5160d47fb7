"""Starting early: who is ready before the planned start has what is booked moved, if there is room.

The start that was promised is the latest one. An offer that starts as soon as possible says how
early it may be (`Terms.early`), so that being early breaks no promise either.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from execution_broker.domain import messages
from execution_broker.domain.iso8601 import write_epoch
from execution_broker.domain.reserving import advance, head
from execution_broker.steps.base import growing
from execution_broker.steps.moving import has_room, rebook
from execution_broker.storage import bookings
from execution_broker.storage.batch import Batch
from execution_broker.storage.records import StoredSession
from execution_broker.transitions.living import note_schedule, say

_MOMENT: Final = timedelta(seconds=0.1)
"""After that the lock of a platform is tried for again."""
_WORTH_TELLING: Final = timedelta(seconds=5)


def planned_start(session: StoredSession) -> datetime:
    return datetime.fromtimestamp(session.terms.start, UTC)


async def hasten(connection: Batch, session: StoredSession, delays: int, now: datetime) -> datetime:
    """When a session that is ready is to be looked at again; if that is `now`, it starts.

    `delays`: how often it was looked at before. What it says of the wait it says once.
    """
    earliest = datetime.fromtimestamp(session.terms.earliest, UTC)
    if now < earliest:
        _tell(connection, session, now)
        return earliest
    if now < planned_start(session):
        return await _advanced(connection, session, delays, now)
    return now


async def _advanced(
    connection: Batch, session: StoredSession, delays: int, now: datetime
) -> datetime:
    """`now`, and what it books begins and ends earlier; or when to look again.

    The lock is not waited for: among the writes of other steps it comes before those that are taken
    last, and would hold up all of them.
    """
    start = planned_start(session)
    decision = await bookings.decide(connection, [session.platform], waits=False)
    platform = decision.platforms.get(session.platform)
    if platform is None:
        return min(start, now + _MOMENT)
    first = int(decision.now.timestamp())
    if first >= session.terms.start:
        return start
    missing = head(session.terms, first)
    if not await has_room(connection, session, platform.capacity, missing, decision.now):
        _tell(connection, session, now)
        return min(start, now + growing(delays, first=0.5, most=5))
    session.terms = advance(session.terms, first)
    await rebook(connection, session, decision)
    note_schedule(session, now)
    connection.save(session, now)
    return now


def _tell(connection: Batch, session: StoredSession, now: datetime) -> None:
    """When it starts, and why not yet: once, and only where that is not in a moment."""
    terms = session.terms
    if planned_start(session) - now <= _WORTH_TELLING:
        return
    start = write_epoch(terms.start)
    told = (
        messages.WAITS_FOR_ROOM(earliest=write_epoch(terms.earliest), start=start)
        if terms.early
        else messages.WAITS_FOR_START(start=start)
    )
    if all(one.kind != told.kind for one in session.messages):
        say(session, told, now)
        connection.save(session, now)
