"""Answers requests: YES with offers that hold, or NO with reasons."""

from uuid import UUID

from execution_broker.domain.errors import Forbidden, NotFound
from execution_broker.domain.identity import Caller
from execution_broker.domain.once import Once
from execution_broker.formats import Format
from execution_broker.models.execution import OfferSetResponse
from execution_broker.models.reading import Reading
from execution_broker.services.booking.answering import Answering
from execution_broker.services.booking.composing import Stored
from execution_broker.services.booking.rooms import Rooms
from execution_broker.services.limits import RequestRate
from execution_broker.services.reading import Knows, Readings, Shown, knows_nothing
from execution_broker.services.repeating import Repeating
from execution_broker.services.views import Viewing, may_see_all, view_offerset
from execution_broker.storage import offersets
from execution_broker.storage.database import Database
from execution_broker.transitions.telling import tell_answered


class OffersService:
    """One short transaction for each method; nothing outside is called (N2)."""

    def __init__(
        self,
        database: Database,
        answering: Answering,
        rooms: Rooms,
        readings: Readings,
        rate: RequestRate,
        viewing: Viewing,
    ) -> None:
        self._database = database
        self._answering = answering
        self._rooms = rooms
        self._readings = readings
        self._rate = rate
        self._viewing = viewing

    async def request(
        self, caller: Caller, reading: Reading, once: Once | None = None
    ) -> OfferSetResponse:
        """Negotiate, hold what is offered, and answer. The answer is stored either way.

        TooMany when this identity asks too often. With `once`, a repetition gets the answer of
        the first time.
        """
        self._rate.take(caller.key)
        repeating = Repeating(self._database, self._viewing.ring, caller.key, once)
        outcome = await repeating.known()
        if outcome is None:
            stored = await self._answering.answer(caller, reading, repeating.key)
            if isinstance(stored, Stored):
                tell_answered(stored.offerset, stored.offers, caller.username)
                viewing = self._viewing
                return view_offerset(stored.offerset, stored.offers, caller, stored.now, viewing)
            outcome = stored
        assert isinstance(outcome, UUID), "an answer is always stored"
        return await self.read(outcome, caller)

    async def show(
        self, uuid: UUID, caller: Caller | None, format_: Format, knows: Knows = knows_nothing
    ) -> Shown:
        """What `read` gives as it is sent, with bounds that may be a moment old."""
        return await self._readings.show(uuid, caller, format_, knows)

    async def read(self, uuid: UUID, caller: Caller | None) -> OfferSetResponse:
        """An answer with its offers as they are now."""
        seen = await self._database.look(lambda glance: offersets.see(glance, uuid))
        if seen is None:
            raise NotFound(f"There is no offer set {uuid}.", "Check the address.")
        if not self._viewing.public and not may_see_all(seen.offerset.identity, caller):
            raise Forbidden(f"The offer set {uuid} is not yours.", "Sign in as its owner.")
        if may_see_all(seen.offerset.identity, caller):
            await self._rooms.measure(seen.offers, seen.now)
        return view_offerset(seen.offerset, seen.offers, caller, seen.now, self._viewing)
