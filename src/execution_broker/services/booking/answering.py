"""Stores what was negotiated, or searches once more where somebody else was quicker (B1-B5)."""

from collections.abc import Callable, Mapping, Sequence

from execution_broker.domain.identity import Caller
from execution_broker.domain.offer import No, Yes
from execution_broker.domain.spans import Tracer
from execution_broker.models.message import Message
from execution_broker.models.reading import Reading
from execution_broker.services.booking.composing import Composer, Stored
from execution_broker.services.booking.desk import Desk
from execution_broker.services.booking.errands import Asked, Direct, Hold
from execution_broker.services.negotiating import Negotiated, Negotiator
from execution_broker.services.repeating import Key
from execution_broker.storage.repetitions import Outcome


class Answering:
    """Negotiates for one caller after another and stores the answers.

    `budget`: the most of each amount that one identity may hold in unanswered offers (B8).
    """

    def __init__(
        self,
        desk: Desk,
        negotiator: Negotiator,
        new_uuids: Callable[[int], Sequence[str]],
        budget: Mapping[str, int],
        tracer: Tracer,
    ) -> None:
        self._desk = desk
        self._negotiator = negotiator
        self._new_uuids = new_uuids
        self.budget = budget
        self._tracer = tracer

    async def answer(self, caller: Caller, reading: Reading, key: Key | None) -> Stored | Outcome:
        """Hold all offers and store the answer, whatever it is; or what the key stands for."""
        found = await self._negotiator.negotiate(reading)
        return await self._settle(Hold, caller, found, key)

    async def direct(
        self, caller: Caller, reading: Reading, key: Key | None
    ) -> Stored | Negotiated | Outcome:
        """Accept the best offer at once, or what the key stands for; a NO is not stored."""
        found = await self._negotiator.negotiate(reading)
        if isinstance(found.verdict, No):
            return found
        stored = await self._settle(Direct, caller, found, key)
        if isinstance(stored, Stored) and not stored.offers:
            return found._replace(verdict=No(_reasons(stored)))
        return stored

    async def _settle(
        self, kind: type[Hold], caller: Caller, found: Negotiated, key: Key | None
    ) -> Stored | Outcome:
        """With the locks of what was proposed; with those of all platforms if that is gone."""
        proposed: frozenset[int] = frozenset()
        if isinstance(found.verdict, Yes):
            names = {offer.platform for offer in found.verdict.offers}
            proposed = frozenset(found.platforms[name].id for name in names)
        composer = Composer(caller, self._new_uuids)
        trace = self._tracer.current()

        async def settle(platforms: frozenset[int]) -> Stored | Outcome | None:
            asked = Asked(caller, found, platforms, key, trace)
            return await self._desk.do(kind(asked, self._negotiator, composer, self.budget))

        stored = await settle(proposed)
        if stored is None:
            stored = await settle(frozenset(one.id for one in found.platforms.values()))
        assert stored is not None, "with all locks there is an answer"
        return stored


def _reasons(stored: Stored) -> tuple[Message, ...]:
    meta = stored.offerset.document.meta
    return meta.messages if meta else ()
