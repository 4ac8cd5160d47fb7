"""Rooms: how much readers are told that their sessions could have, beside what they have."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from execution_broker.domain.calendar import Calendar
from execution_broker.domain.changing import changeable
from execution_broker.domain.growing import Room, room
from execution_broker.models.phases import SessionPhase
from execution_broker.services.booking.calendars import Calendars, News
from execution_broker.services.views import elapsed, phase_now
from execution_broker.storage import calendars
from execution_broker.storage.calendars import Glimpse
from execution_broker.storage.database import Database
from execution_broker.storage.records import StoredSession


class Rooms:
    """Finds the room of sessions that are read.

    The calendars that decisions are made with are taken further by what one statement reads, as
    for a negotiation; what a session has itself is taken out of them and put back in one turn,
    while nobody else looks. What is found was so when that statement read, and only decided under
    the platform's lock (B4).
    """

    def __init__(self, database: Database, calendars: Calendars) -> None:
        self._database = database
        self._calendars = calendars

    async def measure(self, sessions: Sequence[StoredSession], now: datetime) -> None:
        """Note the room of each of the sessions of one answer of which anything can be changed.
        One statement for each platform that they are on; none, if nothing can be."""
        here: dict[int, list[StoredSession]] = {}
        for session in sessions:
            if _can_change(session, now):
                here.setdefault(session.platform, []).append(session)
        for platform, mine in here.items():
            self._note(mine, await self._glimpse(platform, mine[0].offerset, now), now)

    async def _glimpse(self, platform: int, offerset: int, now: datetime) -> Glimpse:
        """All of a platform's bookings instead of the new ones where those are not enough: at
        first, and after an hour without any look at it."""
        since = self._calendars.version(platform)
        if since is not None:
            version = since
            seen = await self._database.look(
                lambda glance: calendars.glimpse_changes(glance, platform, version, offerset)
            )
            if not self._calendars.is_old(seen.platform, now):
                return seen
        return await self._database.look(
            lambda glance: calendars.glimpse_all(glance, platform, offerset, now)
        )

    def _note(self, sessions: Iterable[StoredSession], seen: Glimpse, now: datetime) -> None:
        with self._calendars.turn:
            self._calendars.take([News(seen.platform, seen.changes, seen.whole)], now)
            with self._calendars.without(seen.platform.id, seen.own) as calendar:
                for session in sessions:
                    session.room = room_of(session, calendar, now)


def room_of(session: StoredSession, calendar: Calendar, now: datetime) -> Room:
    """The room of a session in the calendar of its platform without what it has booked (B6)."""
    is_offer = phase_now(session, now) is SessionPhase.OFFERED
    return room(session.terms, calendar, None if is_offer else int(now.timestamp()))


def _can_change(session: StoredSession, now: datetime) -> bool:
    capability = session.platform_capability()
    phase = phase_now(session, now)
    return bool(changeable(phase, session.terms, capability, elapsed(session, now), {}))
