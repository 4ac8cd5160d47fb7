"""Stores what was negotiated, or searches once more where somebody else was quicker (B1-B5)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from execution_broker.domain.identity import Caller
from execution_broker.domain.offer import No
from execution_broker.domain.spans import Tracer
from execution_broker.models.message import Message
from execution_broker.models.reading import Reading
from execution_broker.sealing import KeyRing
from execution_broker.services.booking.composing import Composer, Stored
from execution_broker.services.booking.desk import Desk
from execution_broker.services.booking.errands import Asked, Direct, Hold
from execution_broker.services.negotiating import Negotiated, Negotiator
from execution_broker.services.repeating import Key
from execution_broker.storage.repetitions import Outcome

_TURNS: Final = 3
"""So often an answer is looked for whose room others take meanwhile."""


class Answering:
    """Negotiates for one caller after another and stores the answers.

    `budget`: the most of each amount that one identity may hold in unanswered offers (B8).
    """

    def __init__(
        self,
        desk: Desk,
        negotiator: Negotiator,
        new_uuids: Callable[[int], Sequence[str]],
        ring: KeyRing,
        budget: Mapping[str, int],
        tracer: Tracer,
    ) -> None:
        self._desk = desk
        self._negotiator = negotiator
        self._new_uuids = new_uuids
        self._ring = ring
        self.budget = budget
        self._tracer = tracer

    async def answer(self, caller: Caller, reading: Reading, key: Key | None) -> Stored | Outcome:
        """Hold all offers and store the answer, whatever it is; or what the key stands for."""
        found = await self._negotiator.negotiate(caller, reading)
        return await self._settle(Hold, caller, reading, found, key)

    async def direct(
        self, caller: Caller, reading: Reading, key: Key | None
    ) -> Stored | Negotiated | Outcome:
        """Accept the best offer at once, or what the key stands for; a NO is not stored."""
        found = await self._negotiator.negotiate(caller, reading)
        if isinstance(found.verdict, No):
            return found
        stored = await self._settle(Direct, caller, reading, found, key)
        if isinstance(stored, Stored) and not stored.offers:
            return found._replace(verdict=No(_reasons(stored)))
        return stored

    async def _settle(
        self,
        kind: type[Hold],
        caller: Caller,
        reading: Reading,
        found: Negotiated,
        key: Key | None,
    ) -> Stored | Outcome:
        """With the locks of what was proposed; with those of all platforms if that is gone; and
        found out anew if there is no room any more, as that is told with what there is room for."""
        composer = Composer(caller, self._new_uuids, self._ring, reading.secrets)
        trace = self._tracer.current()

        async def settle(platforms: frozenset[int], turn: int) -> Stored | Outcome | None:
            asked = Asked(caller, found, platforms, key, trace, is_last=turn == _TURNS)
            return await self._desk.do(kind(asked, self._negotiator, composer, self.budget))

        for turn in range(1, _TURNS + 1):
            proposed = _proposed(found)
            everywhere = frozenset(one.id for one in found.platforms.values())
            stored = await settle(proposed, turn)
            if stored is None and proposed != everywhere:
                stored = await settle(everywhere, turn)
            if stored is not None:
                if isinstance(stored, Stored) and stored.offers:
                    await self._negotiator.keep(found, max(o.terms.latest for o in stored.offers))
                return stored
            found = await self._negotiator.negotiate(caller, reading)
        raise AssertionError("with all locks the last turn has an answer")


def _proposed(found: Negotiated) -> frozenset[int]:
    """The platforms that the offers are on."""
    if isinstance(found.verdict, No):
        return frozenset()
    return frozenset(found.platforms[offer.platform].id for offer in found.verdict.offers)


def _reasons(stored: Stored) -> tuple[Message, ...]:
    meta = stored.offerset.document.meta
    return meta.messages if meta else ()
