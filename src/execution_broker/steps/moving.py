"""What a session has booked moves with its start: one decision, under the lock of its platform."""

from collections.abc import Sequence
from datetime import datetime

from execution_broker.domain.amounts import Amounts, Booking
from execution_broker.domain.calendar import Calendar
from execution_broker.domain.reserving import ahead, counting
from execution_broker.domain.reserving import bookings as bookings_of
from execution_broker.storage import bookings, calendars
from execution_broker.storage.batch import Batch
from execution_broker.storage.bookings import Decision, NewBooking, Owner
from execution_broker.storage.records import StoredSession


async def has_room(
    connection: Batch,
    session: StoredSession,
    capacity: Amounts,
    missing: Sequence[Booking],
    now: datetime,
) -> bool:
    """Whether there is room on its locked platform for what it needs and has not booked."""
    if not missing:
        return True
    second = int(now.timestamp())
    last = max(one.end for one in missing)
    others = await calendars.beside(connection, session.platform, session.id, last, now)
    counted = (
        counting(one.booking, second) if one.ends_with_release else one.booking for one in others
    )
    return Calendar(capacity, counted).fits(missing)


async def rebook(connection: Batch, session: StoredSession, decision: Decision) -> None:
    """Book what its terms need from now on, instead of what is booked for it."""
    first = int(decision.now.timestamp())
    owner = Owner(session.identity, session.offerset, session.id)
    new = [
        NewBooking(session.platform, booking, owner)
        for booking in ahead(bookings_of(session.terms), first)
    ]
    booked = await bookings.of_sessions(connection, [session.id])
    ended, made = bookings.ending(booked, decision), bookings.adding(new, decision)
    await bookings.write(connection, decision, ended, made)
