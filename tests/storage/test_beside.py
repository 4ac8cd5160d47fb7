"""What counts on a platform beside a session: by one statement, as calendars have it (B1, B6)."""

from datetime import timedelta
from typing import Any

from execution_broker.domain.amounts import CORES, Booking
from execution_broker.storage import bookings, calendars
from execution_broker.storage.bookings import NewBooking, Owner
from execution_broker.storage.database import Connection
from tests.storage.rows import a_session

BEFORE = 1000


async def test_only_what_others_have_until_then_counts(database: Any) -> None:
    mine, theirs = await a_session(database), await a_session(database)
    now = mine.now
    second = int(now.timestamp())
    own = Owner(mine.identity, mine.session.offerset, mine.session.id)
    other = Owner(theirs.identity, theirs.session.offerset, theirs.session.id)
    held = other._replace(session=None)
    soon, over = now + timedelta(minutes=5), now - timedelta(minutes=5)
    counting = {
        "confirmed": (other, 0, 10, "compute", None),
        "late": (other, -20, -10, "compute", None),
        "held": (held, 999, 1010, None, soon),
        "kept": (other, -5, 10, "outputs", None),
    }
    not_counting = {
        "own": (own, 0, 10, "compute", None),
        "later": (other, 1000, 1010, "compute", None),
        "expired": (held, 0, 10, None, over),
        "forgotten": (other, -20, -10, "outputs", None),
        "ended": (other, 0, 10, "compute", None),
    }

    async def work(connection: Connection) -> list[calendars.Change]:
        decision = await bookings.decide(connection, [mine.platform])
        new = [
            NewBooking(
                mine.platform,
                Booking({CORES: number}, second + start, second + end, component),
                owner,
                expires,
            )
            for number, (owner, start, end, component, expires) in enumerate(
                (counting | not_counting).values(), 1
            )
        ]
        await bookings.write(connection, decision, bookings.adding(new, decision))
        booked = await bookings.of_sessions(connection, [theirs.session.id])
        ended = [one for one in booked if one.amount == len(new)]
        await bookings.write(connection, decision, bookings.ending(ended, decision))
        before = second + BEFORE
        return await calendars.beside(connection, mine.platform, mine.session.id, before, now)

    found = await database.write(work)
    amounts = sorted(one.booking.amounts[CORES] for one in found)
    assert amounts == list(range(1, len(counting) + 1))
