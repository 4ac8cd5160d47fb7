"""Makes the rows of an answer from what was negotiated; nothing is stored here."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import NamedTuple
from uuid import UUID

import msgspec

from execution_broker.domain.composition import (
    Bid,
    Composition,
    asked_for,
    bid_of,
    component_keys,
)
from execution_broker.domain.identity import Caller
from execution_broker.domain.offer import Offer, Yes
from execution_broker.models.component import Metadata
from execution_broker.models.execution import OfferSetResponse
from execution_broker.models.message import Message
from execution_broker.models.phases import SessionPhase
from execution_broker.sealing import KeyRing
from execution_broker.services.negotiating import Negotiated
from execution_broker.storage.documents import encode
from execution_broker.storage.records import (
    NewOfferSet,
    StoredOfferSet,
    StoredSession,
)
from execution_broker.transitions.sealed import Secrets, seal_secrets


class Stored(NamedTuple):
    """An answer as it was stored, with its offers. `lasting`: what a repetition gets as well."""

    offerset: StoredOfferSet
    offers: list[StoredSession]
    now: datetime
    lasting: UUID | None


class Draft(NamedTuple):
    """An answer with its sessions, as if they were made when they were found: most of the work that
    an answer is, and done before anybody has to wait for its locks."""

    answer: NewOfferSet
    sessions: list[StoredSession]

    def made_at(self, now: datetime) -> NewOfferSet:
        """Let them be made at that time. Their sessions tell of it, too."""
        for session in self.sessions:
            session.created = session.modified = now
            session.messages = list(timed_at(session.messages, now))
        return msgspec.structs.replace(self.answer, now=now)


class Composer:
    """Makes what belongs to one caller. `new_uuids` makes so many random UUIDs. `secrets`: those
    of the request, which are sealed with the keys of the ring."""

    def __init__(
        self,
        caller: Caller,
        new_uuids: Callable[[int], Sequence[str]],
        ring: KeyRing,
        secrets: Mapping[str, Secrets],
    ) -> None:
        self._caller = caller
        self._new_uuids = new_uuids
        self._ring = ring
        self._secrets = secrets

    def yes(self, found: Negotiated, yes: Yes, offers: tuple[Offer, ...]) -> Draft:
        """An answer with some of the offers of a verdict, and their sessions."""
        names = {offer.platform for offer in offers}
        plans = encode({found.platforms[name].id: yes.plans[name] for name in names})
        expires = datetime.fromtimestamp(max(offer.expires for offer in offers), UTC)
        assert found.demand is not None, "what was offered was resolved"
        asked = asked_for(found.demand)
        document = OfferSetResponse(result="YES", meta=_told(yes.messages, found.now))
        answer = self._answer(
            document, found.now, plans=plans, asked=encode(asked), expires=expires
        )
        hidden = seal_secrets(self._ring, answer.uuid, self._secrets)
        answer = msgspec.structs.replace(answer, secrets=hidden)
        composition, number = Composition(asked), 1 + len(component_keys(found.demand))
        drawn = iter(self._new_uuids(number * len(offers)))
        bids = [bid_of(offer, islice(drawn, number)) for offer in offers]
        sessions = [
            self._session(found, yes, answer, offer, bid, composition)
            for offer, bid in zip(offers, bids, strict=True)
        ]
        return Draft(answer, sessions)

    def no(self, why: tuple[Message, ...], now: datetime) -> NewOfferSet:
        """An answer that says why not."""
        document = OfferSetResponse(result="NO", meta=_told(why, now))
        return self._answer(document, now)

    def _answer(
        self,
        document: OfferSetResponse,
        now: datetime,
        *,
        plans: str = "{}",
        asked: str | None = None,
        expires: datetime | None = None,
    ) -> NewOfferSet:
        return NewOfferSet(
            uuid=UUID(self._new_uuids(1)[0]),
            identity=self._caller.key,
            document=document,
            plans=plans,
            asked=asked,
            now=now,
            expires=expires,
        )

    def _session(
        self,
        found: Negotiated,
        yes: Yes,
        answer: NewOfferSet,
        offer: Offer,
        bid: Bid,
        composition: Composition,
    ) -> StoredSession:
        platform, now = found.platforms[offer.platform], answer.now
        return StoredSession(
            id=0,
            uuid=UUID(bid.uuids[0]),
            offerset=0,
            identity=self._caller.key,
            owner=self._caller.username,
            place=offer.platform,
            platform=platform.id,
            plans=answer.plans,
            capability=platform.report,
            phase=SessionPhase.INITIAL,
            events=0,
            document=composition.session(bid, yes.plans[offer.platform]),
            bid=bid,
            terms=offer.terms,
            created=now,
            modified=now,
            expires=datetime.fromtimestamp(offer.expires, UTC),
            messages=list(offer.messages),
            room=offer.room,
        )


def stored(answer: NewOfferSet, offers: list[StoredSession], lasting: UUID | None) -> Stored:
    """The answer as whoever reads it now would see it."""
    offerset = StoredOfferSet(
        id=0,
        uuid=answer.uuid,
        identity=answer.identity,
        document=answer.document,
        created=answer.now,
        expires=answer.expires,
    )
    return Stored(offerset, offers, answer.now, lasting)


def _told(messages: Sequence[Message], now: datetime) -> Metadata | None:
    return Metadata(messages=timed_at(messages, now)) if messages else None


def timed_at(told: Iterable[Message], now: datetime) -> tuple[Message, ...]:
    """Messages as they are served: with the time when they were told."""
    return tuple(msgspec.structs.replace(message, time=now) for message in told)
