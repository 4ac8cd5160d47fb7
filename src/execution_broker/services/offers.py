"""Answers requests: YES with offers that hold, or NO with reasons."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, TypeVar
from uuid import UUID

from execution_broker.domain.errors import Forbidden, NotFound, Unavailable
from execution_broker.domain.identity import Caller
from execution_broker.domain.once import Once
from execution_broker.models.execution import OfferSetResponse
from execution_broker.models.reading import Reading
from execution_broker.services.limits import RequestRate
from execution_broker.services.negotiating import Negotiated, Negotiator
from execution_broker.services.repeating import Repeating
from execution_broker.services.storing import Ledger
from execution_broker.services.views import Viewing, may_see_all, view_offerset
from execution_broker.storage import sessions
from execution_broker.storage.database import Connection, Database

T = TypeVar("T")
Store = Callable[[Connection, Negotiated], Awaitable[T | None]]

_TRIES: Final = 20
"""How often to search again when somebody else was quicker (B4)."""


class Settling:
    """Negotiates and stores, again while others are quicker (B4).

    Those of this process that lost a race go on one after another, so that they cannot go on
    losing to each other.
    """

    def __init__(self, database: Database, negotiator: Negotiator) -> None:
        self._database = database
        self._negotiator = negotiator
        self._losers = asyncio.Lock()

    async def settle(self, reading: Reading, store: Store[T]) -> T:
        """What `store` stored. Unavailable when others were quicker again and again."""
        stored = await self._try(reading, store)
        if stored is not None:
            return stored
        async with self._losers:
            for _ in range(_TRIES):
                stored = await self._try(reading, store)
                if stored is not None:
                    return stored
        raise Unavailable("Others took the capacity while it was being offered.")

    async def _try(self, reading: Reading, store: Store[T]) -> T | None:
        found = await self._negotiator.negotiate(reading)
        return await self._database.write(lambda connection: store(connection, found))


class OffersService:
    """One short transaction for each method; nothing outside is called (N2)."""

    def __init__(
        self,
        database: Database,
        settling: Settling,
        rate: RequestRate,
        viewing: Viewing,
        ledger: Callable[[int], Ledger],
    ) -> None:
        self._database = database
        self._settling = settling
        self._rate = rate
        self._viewing = viewing
        self._ledger = ledger

    async def request(
        self, caller: Caller, reading: Reading, once: Once | None = None
    ) -> OfferSetResponse:
        """Negotiate, hold what is offered, and answer. The answer is stored either way.

        TooMany when this identity asks too often; Unavailable when others took the capacity
        again and again in between. With `once`, a repetition gets the answer of the first time.
        """
        self._rate.take(caller.key)
        ledger = self._ledger(caller.key)
        repeating = Repeating(self._database, caller.key, once)
        uuid = await repeating.known()
        if uuid is None:
            uuid = await self._settling.settle(reading, repeating.storing(ledger.answer))
        assert isinstance(uuid, UUID), "an answer is always stored"
        return await self.read(uuid, caller)

    async def read(self, uuid: UUID, caller: Caller | None) -> OfferSetResponse:
        """An answer with its offers as they are now."""
        return await self._database.read(partial(self._read, uuid, caller))

    async def _read(
        self, uuid: UUID, caller: Caller | None, connection: Connection
    ) -> OfferSetResponse:
        stored = await sessions.offerset_by_uuid(connection, uuid)
        if stored is None:
            raise NotFound(f"There is no offer set {uuid}.", "Check the address.")
        if not self._viewing.public and not may_see_all(stored.identity, caller):
            raise Forbidden(f"The offer set {uuid} is not yours.", "Sign in as its owner.")
        offers = await sessions.of_offerset(connection, stored.id)
        now = await connection.clock()
        return view_offerset(stored, offers, caller, now, self._viewing.base_url)
