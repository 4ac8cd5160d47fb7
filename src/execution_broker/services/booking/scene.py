"""A scene: what one transaction of booking has locked, as it is, and what it is going to write.

Everything that decides is done in memory between one round of reading and one of writing, so that
many errands cost few statements. An errand sees what those before it decided.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from execution_broker.domain.amounts import Amounts, Booking, Stretch
from execution_broker.domain.budget import most_of
from execution_broker.domain.calendar import Calendar, growth
from execution_broker.domain.holding import held
from execution_broker.domain.measures import Measure
from execution_broker.domain.plan import StepKind
from execution_broker.domain.reserving import needs
from execution_broker.services.booking.rooms import room_of
from execution_broker.storage import bookings, offersets, secrets, sessions, steps
from execution_broker.storage.bookings import Decision, NewBooking, Owner
from execution_broker.storage.database import Connection, Measured
from execution_broker.storage.records import (
    LockedOffer,
    NewOfferSet,
    StoredBooking,
    StoredSession,
)
from execution_broker.storage.steps import NewStep


class Taken(NamedTuple):
    """What is booked on one platform: held until `expires`, or confirmed for `session`."""

    platform: int
    bookings: Sequence[Booking]
    expires: datetime | None = None
    session: StoredSession | None = None


class Answered(msgspec.Struct, kw_only=True):
    """A new answer with its sessions; they get their keys when it is written."""

    offerset: NewOfferSet
    sessions: list[StoredSession]
    taken: list[Taken]


class Part(msgspec.Struct):
    """What one errand writes: nothing of it, if the errand fails."""

    answers: list[Answered] = []
    saved: list[StoredSession] = []
    refused: list[LockedOffer] = []
    ended: list[StoredBooking] = []
    taken: list[tuple[Owner, Taken]] = []
    begun: list[tuple[StoredSession, NewStep]] = []
    due: list[tuple[int, StepKind, datetime]] = []
    measured: list[Measured] = []


class Scene:
    """`now` is the time of every decision made in it (B5). `late`: what counts beyond their ends of
    bookings that are late, by platform and key."""

    def __init__(
        self,
        decision: Decision,
        calendars: Mapping[int, Calendar],
        late: Mapping[int, Mapping[int, Booking]],
        offers: Sequence[LockedOffer],
        booked: Iterable[StoredBooking],
        held_by: dict[int, dict[str, int]],
    ) -> None:
        self.now = decision.now
        self.platforms = decision.platforms
        self._decision = decision
        self.calendars = calendars
        self.held_by = held_by
        self._late = late
        self._offers = offers
        self._booked = list(booked)
        self._parts: list[Part] = []
        self._part = Part()
        self._changes: list[tuple[int, Booking, bool]] = []
        self._kept = 0

    def offers_of(self, offerset: int) -> list[LockedOffer]:
        """All offers of a locked answer, in the order they were offered."""
        return [offer for offer in self._offers if offer.offerset == offerset]

    def fits(self, platform: int, wanted: Iterable[Booking]) -> bool:
        """Whether there is room on a locked platform: never at an instant at which it is
        overcommitted (B7)."""
        return self.calendars[platform].fits(wanted)

    def can_become(self, session: StoredSession, wanted: Iterable[Booking]) -> bool:
        """Whether its platform has room for what this is more than the answer of a session books
        there now."""
        more = growth(self._booked_for(session), wanted)
        return self.calendars[session.platform].shortage(more) is None

    def answer(self, answered: Answered) -> None:
        """Store a new answer with what it books."""
        self._part.answers.append(answered)
        for taken in answered.taken:
            self._add(taken)

    def save(self, session: StoredSession) -> None:
        if session not in self._part.saved:
            self._part.saved.append(session)

    def refused(self, offer: LockedOffer) -> None:
        """Store that an offer has come to nothing."""
        self._part.refused.append(offer)

    def let_go(self, offerset: int) -> None:
        """End all that an offer set holds."""
        self._end([b for b in self._booked if b.offerset == offerset and b.session is None])

    def end(self, session: StoredSession, components: Iterable[str]) -> None:
        """End what is booked for some components of a session."""
        mine = set(components)
        self._end([b for b in self._booked if b.session == session.id and b.component in mine])

    def held(self, offerset: int) -> dict[str, int]:
        """The most of each amount that a locked answer holds at any time."""
        return most_of(
            one.booking
            for one in self._booked
            if one.offerset == offerset and one.session is None and one.counts_at(self.now)
        )

    def hold_more(self, identity: int, added: Amounts) -> None:
        """What an identity holds beside what it held when this began, for errands to come (B8)."""
        held = self.held_by.setdefault(identity, {})
        for name, amount in added.items():
            held[name] = held.get(name, 0) + amount

    def hold(self, offers: Sequence[LockedOffer]) -> None:
        """Hold what these offers of one answer need, until they expire (B2)."""
        for taken in holds(offers):
            self._take(Owner(offers[0].identity, offers[0].offerset, None), taken)

    def confirm(self, session: StoredSession, wanted: Sequence[Booking]) -> None:
        """Book for a session for good."""
        owner = Owner(session.identity, session.offerset, session.id)
        self._take(owner, Taken(session.platform, wanted))

    def begin(self, session: StoredSession, first: NewStep) -> None:
        """Store the first step of a session."""
        self._part.begun.append((session, first))

    def set_due(self, session: StoredSession, kind: StepKind, due: datetime) -> None:
        self._part.due.append((session.id, kind, due))

    def measure(self, what: Measure, *labels: str, value: float = 1) -> None:
        """Count something, once it is written."""
        self._part.measured.append(Measured(what, value, labels))

    def measure_room(self, session: StoredSession) -> None:
        """Note how much the session could have now instead of what it has; what it and the other
        offers of its answer book does not count."""
        calendar = self.calendars[session.platform]
        mine = self._booked_for(session)
        for booking in mine:
            calendar.remove(booking)
        session.room = room_of(session, calendar, self.now)
        for booking in mine:
            calendar.add(booking)

    def keep(self) -> None:
        """What was decided since the last time is to be written."""
        self._parts.append(self._part)
        self._part = Part()
        self._kept = len(self._changes)

    def undo(self) -> None:
        """What was decided since the last `keep` is not."""
        self._part = Part()
        while len(self._changes) > self._kept:
            platform, booking, is_end = self._changes.pop()
            calendar = self.calendars[platform]
            if is_end:
                calendar.add(booking)
            else:
                calendar.remove(booking)

    def changes(self) -> dict[int, list[Stretch]]:
        """How its calendars differ by now from what was read, by platform."""
        found: dict[int, list[Stretch]] = {}
        for platform, booking, is_end in self._changes:
            sign = -1 if is_end else 1
            found.setdefault(platform, []).extend(
                one._replace(amount=sign * one.amount) for one in booking.stretches()
            )
        return found

    async def write(self, connection: Connection) -> None:
        """Write everything in few statements: what others refer to first."""
        parts, decision = self._parts, self._decision
        for measured in (one for part in parts for one in part.measured):
            connection.measure(measured.what, *measured.labels, value=measured.value)
        answers = [answered for part in parts for answered in part.answers]
        ids = await offersets.add(connection, [one.offerset for one in answers])
        for answered, id_ in zip(answers, ids, strict=True):
            for session in answered.sessions:
                session.offerset = id_
        hidden = zip(ids, (one.offerset.secrets for one in answers), strict=True)
        await secrets.add(connection, list(hidden))
        await sessions.add(connection, [one for a in answers for one in a.sessions])
        ended = [one for part in parts for one in part.ended]
        taken = [pair for part in parts for pair in part.taken]
        taken += ((_owner(answered, one), one) for answered in answers for one in answered.taken)
        new = [
            NewBooking(one.platform, booking, owner, one.expires)
            for owner, one in taken
            for booking in one.bookings
        ]
        begun = [(one.id, one.platform, [first]) for part in parts for one, first in part.begun]
        touched = sorted({one.platform for one in new} | {one.platform for one in ended})
        await sessions.save_all(
            connection,
            [one for part in parts for one in part.saved],
            [one for part in parts for one in part.refused],
            bookings.ending(ended, decision),
            bookings.adding(new, decision),
            steps.adding(connection, begun, decision.now),
            bookings.deciding(decision, touched),
        )
        for session_id, kind, due in (due for part in parts for due in part.due):
            await steps.set_due(connection, session_id, kind, due)
            connection.ring()

    def _booked_for(self, session: StoredSession) -> list[Booking]:
        """What counts on its platform for the answer of a session, as decided so far; nothing for
        one that is about to be stored."""
        ended = {one.id for one in self._part.ended}
        found = [
            booking
            for one in self._booked
            if one.offerset == session.offerset and one.platform == session.platform
            if one.id not in ended and one.counts_at(self.now)
            for booking in self._counted(one)
        ]
        for owner, taken in self._part.taken:
            if owner.offerset == session.offerset and taken.platform == session.platform:
                found += taken.bookings
        return found

    def _take(self, owner: Owner, taken: Taken) -> None:
        self._part.taken.append((owner, taken))
        self._add(taken)

    def _add(self, taken: Taken) -> None:
        for booking in taken.bookings:
            self._change(taken.platform, booking, is_end=False)

    def _end(self, ended: Sequence[StoredBooking]) -> None:
        self._part.ended += ended
        for one in ended:
            if one.counts_at(self.now):
                for booking in self._counted(one):
                    self._change(one.platform, booking, is_end=True)

    def _counted(self, one: StoredBooking) -> list[Booking]:
        """What the calendar has of a booking: beyond its end, too, if it is late."""
        late = self._late[one.platform].get(one.id)
        return [one.booking] if late is None else [one.booking, late]

    def _change(self, platform: int, booking: Booking, *, is_end: bool) -> None:
        self._changes.append((platform, booking, is_end))
        calendar = self.calendars[platform]
        if is_end:
            calendar.remove(booking)
        else:
            calendar.add(booking)


def holds(offers: Sequence[LockedOffer]) -> list[Taken]:
    """On each platform the most that any of these offers books, until they expire (B2)."""
    found: list[Taken] = []
    for platform in sorted({offer.platform for offer in offers}):
        here = [offer for offer in offers if offer.platform == platform]
        whole = held((offer.terms, needs(offer.terms)) for offer in here)
        found.append(Taken(platform, whole, max(offer.expires for offer in here)))
    return found


def _owner(answered: Answered, taken: Taken) -> Owner:
    """Known once the answer and its sessions have their keys."""
    first = answered.sessions[0]
    session = None if taken.session is None else taken.session.id
    return Owner(first.identity, first.offerset, session)
