"""How offers that nobody accepted in time are stored as what they are: EXPIRED."""

from collections.abc import Iterable
from datetime import datetime

from execution_broker.domain.measures import Measure
from execution_broker.models.phases import SessionPhase
from execution_broker.storage import bookings, offers, sessions
from execution_broker.storage.database import Connection
from execution_broker.transitions.accepting import refuse


async def expire(connection: Connection, answers: Iterable[int], now: datetime) -> None:
    """Store the EXPIRED of every offer of these answers that has it, exactly as readers have seen
    it since, and end what was held for sets that have no offer left."""
    ids = sorted(answers)
    found = await offers.lock(connection, ids)
    over = [o for o in found if o.phase is SessionPhase.OFFERED and o.expires <= now]
    for offer in over:
        refuse(offer, SessionPhase.EXPIRED, offer.expires)
        connection.measure(Measure.OFFERS, "expired")
    await sessions.save_all(connection, [], over)
    open_ = {offer.offerset for offer in found if offer.phase is SessionPhase.OFFERED}
    held = await bookings.held_of(connection, set(ids) - open_)
    if held:
        decision = await bookings.decide(connection, {one.platform for one in held})
        await bookings.write(connection, decision, bookings.ending(held, decision))
