"""Stores what was negotiated, under the locks of the platforms it is on (B1-B5)."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from execution_broker.domain import messages
from execution_broker.domain.amounts import UNITS
from execution_broker.domain.calendar import envelope
from execution_broker.domain.composition import component_keys, compose_session
from execution_broker.domain.demand import COMPUTE, EXECUTABLE, SESSION, Demand
from execution_broker.domain.offer import No, Offer, Terms, Yes
from execution_broker.domain.plan import Plan
from execution_broker.domain.reserving import bookings as bookings_of
from execution_broker.models.component import Metadata
from execution_broker.models.execution import OfferSetResponse
from execution_broker.models.message import Message
from execution_broker.models.phases import SessionPhase
from execution_broker.services.negotiating import Negotiated
from execution_broker.storage import bookings, sessions
from execution_broker.storage.bookings import Owner
from execution_broker.storage.database import Connection
from execution_broker.storage.records import StoredPlatform, StoredSession
from execution_broker.transitions import accepting, holding
from execution_broker.transitions.living import enter, note_schedule, say

_FRESH: Final = timedelta(seconds=2)
"""How old a proposal may be by the time the locks are held."""


class Ledger:
    """Writes answers for one identity. `budget`: the most it may hold of each amount (B8)."""

    def __init__(
        self, identity: int, new_uuid: Callable[[], UUID], budget: Mapping[str, int]
    ) -> None:
        self._identity = identity
        self._new_uuid = new_uuid
        self._budget = budget

    async def answer(self, connection: Connection, found: Negotiated) -> UUID | None:
        """Hold all offers and store the answer; its uuid. None: search again."""
        verdict = found.verdict
        if isinstance(verdict, No):
            return await self._refuse(connection, verdict.messages)
        wanted = _by_platform(verdict, found.platforms)
        now = await self._lock(connection, found, wanted)
        if now is None:
            return None
        over = await self._over_budget(connection, wanted, now)
        if over is not None:
            return await self._refuse(connection, (over,))
        uuid, offerset = await self._offerset(connection, verdict, found, now)
        expires = dict.fromkeys(wanted, now)
        for offer in verdict.offers:
            session = await self._session(connection, offerset, offer, found, now)
            enter(session, SessionPhase.OFFERED, now)
            note_schedule(session, now)
            await sessions.save(connection, session, now)
            expires[session.platform] = max(expires[session.platform], session.expires)
        owner = Owner(self._identity, offerset, None)
        for platform, terms in wanted.items():
            await holding.hold(connection, platform, owner, terms, now, expires[platform])
        return uuid

    async def direct(self, connection: Connection, found: Negotiated, yes: Yes) -> UUID | None:
        """Accept the best offer at once; the session's uuid. None: search again."""
        best = Yes(yes.offers[:1], yes.plans)
        now = await self._lock(connection, found, _by_platform(best, found.platforms))
        if now is None:
            return None
        _, offerset = await self._offerset(connection, best, found, now)
        session = await self._session(connection, offerset, best.offers[0], found, now)
        await accepting.begin(connection, session, now)
        return session.uuid

    async def _lock(
        self, connection: Connection, found: Negotiated, wanted: Mapping[int, list[Terms]]
    ) -> datetime | None:
        """Take the capacity locks; the time then, or None if the proposal does not hold."""
        platforms = await bookings.lock_platforms(connection, wanted)
        now = await bookings.decision_time(connection, platforms.values())
        if now - found.now > _FRESH:
            return None
        short = await holding.shortage(connection, platforms, wanted, now)
        return None if short else now

    async def _over_budget(
        self, connection: Connection, wanted: Mapping[int, list[Terms]], now: datetime
    ) -> Message | None:
        if not self._budget:
            return None
        held = await bookings.held_by(connection, self._identity, now)
        for terms in wanted.values():
            for booking in envelope([bookings_of(one) for one in terms]):
                for name, amount in booking.amounts.items():
                    limit = self._budget.get(name)
                    if limit is not None and held.get(name, 0) + amount > limit:
                        resource = f"{UNITS.get(name, '')} of {name}".removeprefix("cores of ")
                        return messages.BUDGET_USED(
                            held=held.get(name, 0), resource=resource, limit=limit
                        )
        return None

    async def _refuse(self, connection: Connection, why: tuple[Message, ...]) -> UUID:
        uuid, now = self._new_uuid(), await connection.clock()
        timed = timed_at(why, now)
        document = OfferSetResponse(result="NO", meta=Metadata(messages=timed))
        await sessions.add_offerset(
            connection,
            uuid=uuid,
            identity=self._identity,
            document=document,
            plans={},
            now=now,
            expires=None,
        )
        return uuid

    async def _offerset(
        self, connection: Connection, yes: Yes, found: Negotiated, now: datetime
    ) -> tuple[UUID, int]:
        uuid = self._new_uuid()
        plans: dict[int, Plan] = {found.platforms[n].id: plan for n, plan in yes.plans.items()}
        offerset = await sessions.add_offerset(
            connection,
            uuid=uuid,
            identity=self._identity,
            document=OfferSetResponse(result="YES"),
            plans=plans,
            now=now,
            expires=datetime.fromtimestamp(max(offer.expires for offer in yes.offers), UTC),
        )
        return uuid, offerset

    async def _session(
        self,
        connection: Connection,
        offerset: int,
        offer: Offer,
        found: Negotiated,
        now: datetime,
    ) -> StoredSession:
        demand = found.demand
        assert demand is not None
        plan = _plan(found, offer)
        identities = {key: self._new_uuid() for key in (SESSION, *component_keys(demand))}
        session = await sessions.add_session(
            connection,
            uuid=identities[SESSION],
            offerset=offerset,
            identity=self._identity,
            platform=found.platforms[offer.platform].id,
            document=compose_session(demand, offer, plan, identities),
            terms=offer.terms,
            components=_living(demand, identities),
            now=now,
            expires=datetime.fromtimestamp(offer.expires, UTC),
        )
        for message in offer.messages:
            say(session, message, now)
        return session


def _by_platform(yes: Yes, platforms: Mapping[str, StoredPlatform]) -> dict[int, list[Terms]]:
    wanted: dict[int, list[Terms]] = {}
    for offer in yes.offers:
        wanted.setdefault(platforms[offer.platform].id, []).append(offer.terms)
    return wanted


def _plan(found: Negotiated, offer: Offer) -> Plan:
    assert isinstance(found.verdict, Yes)
    return found.verdict.plans[offer.platform]


def _living(demand: Demand, identities: Mapping[str, UUID]) -> dict[str, UUID]:
    """The components that have a life of their own: all but volumes."""
    return {
        key: identities[key]
        for key in component_keys(demand)
        if key in (EXECUTABLE, COMPUTE) or key.startswith(("storage/", "data/"))
    }


def timed_at(told: tuple[Message, ...], now: datetime) -> tuple[Message, ...]:
    """Messages as they are served: with the time when they were told."""
    return tuple(msgspec.structs.replace(message, time=now) for message in told)
