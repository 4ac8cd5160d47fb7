"""Stores what was negotiated, or searches once more where somebody else was quicker (B1-B5)."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from execution_broker.domain.budget import most_of, over_budget
from execution_broker.domain.calendar import envelope
from execution_broker.domain.composition import component_keys, compose_session
from execution_broker.domain.demand import COMPUTE, EXECUTABLE, SESSION
from execution_broker.domain.identity import Caller
from execution_broker.domain.measures import Measure
from execution_broker.domain.offer import No, Offer, Yes
from execution_broker.domain.reserving import bookings as bookings_of
from execution_broker.domain.spans import Tracer
from execution_broker.models.component import Metadata
from execution_broker.models.execution import OfferSetResponse
from execution_broker.models.message import Message
from execution_broker.models.phases import ComponentPhase, SessionPhase
from execution_broker.models.reading import Reading
from execution_broker.services.booking.desk import Desk
from execution_broker.services.booking.scene import Answered, Scene, Taken, holds
from execution_broker.services.negotiating import Negotiated, Negotiator
from execution_broker.services.repeating import Key
from execution_broker.storage.documents import encode
from execution_broker.storage.records import (
    NewOfferSet,
    StoredComponent,
    StoredOfferSet,
    StoredSession,
)
from execution_broker.storage.repetitions import Outcome
from execution_broker.transitions import accepting
from execution_broker.transitions.living import enter, note_schedule, say

_FRESH: Final = timedelta(seconds=2)
"""How old a proposal may be by the time the locks are held."""


class Stored(NamedTuple):
    """An answer as it was stored, with its offers. `lasting`: what a repetition gets as well."""

    offerset: StoredOfferSet
    offers: list[StoredSession]
    now: datetime
    lasting: UUID | None


class Answering:
    """Negotiates for one caller after another and stores the answers.

    `budget`: the most of each amount that one identity may hold in unanswered offers (B8).
    """

    def __init__(
        self,
        desk: Desk,
        negotiator: Negotiator,
        new_uuid: Callable[[], UUID],
        budget: Mapping[str, int],
        tracer: Tracer,
    ) -> None:
        self._desk = desk
        self.negotiator = negotiator
        self.new_uuid = new_uuid
        self.budget = budget
        self._tracer = tracer

    async def answer(self, caller: Caller, reading: Reading, key: Key | None) -> Stored | Outcome:
        """Hold all offers and store the answer, whatever it is; or what the key stands for."""
        found = await self.negotiator.negotiate(reading)
        return await self._settle(_Answer, caller, found, key)

    async def direct(
        self, caller: Caller, reading: Reading, key: Key | None
    ) -> Stored | Negotiated | Outcome:
        """Accept the best offer at once, or what the key stands for; a NO is not stored."""
        found = await self.negotiator.negotiate(reading)
        if isinstance(found.verdict, No):
            return found
        stored = await self._settle(_Direct, caller, found, key)
        if isinstance(stored, Stored) and not stored.offers:
            return found._replace(verdict=No(_reasons(stored)))
        return stored

    def trace(self) -> str | None:
        """The trace context of the request at hand."""
        return self._tracer.current()

    async def _settle(
        self, kind: "type[_Answer]", caller: Caller, found: Negotiated, key: Key | None
    ) -> Stored | Outcome:
        """With the locks of what was proposed; with those of all platforms if that is gone."""
        proposed: frozenset[int] = frozenset()
        if isinstance(found.verdict, Yes):
            names = {offer.platform for offer in found.verdict.offers}
            proposed = frozenset(found.platforms[name].id for name in names)
        stored: Stored | Outcome | None
        stored = await self._desk.do(kind(self, caller, found, proposed, key))
        if stored is None:
            everywhere = frozenset(one.id for one in found.platforms.values())
            stored = await self._desk.do(kind(self, caller, found, everywhere, key))
        assert stored is not None, "with all locks there is an answer"
        return stored


class _Answer:
    """Hold what was proposed; what is proposed anew, if that is gone; or tell why not."""

    offerset = None

    def __init__(
        self,
        answering: Answering,
        caller: Caller,
        found: Negotiated,
        platforms: frozenset[int],
        repetition: Key | None,
    ) -> None:
        self._answering = answering
        self._trace = answering.trace()
        self._caller = caller
        self._found = found
        self.platforms = platforms
        self.repetition = repetition

    @property
    def identity(self) -> int | None:
        return self._caller.key if self._answering.budget else None

    def decide(self, scene: Scene) -> Stored | None:
        """None: it is gone, and not all platforms that may have room are locked."""
        found = self._found
        if isinstance(found.verdict, Yes) and not self._holds(scene, found.verdict):
            if self.platforms != {one.id for one in found.platforms.values()}:
                return None
            usable = {id_: c for id_, c in scene.calendars.items() if scene.is_open(id_)}
            found = self._answering.negotiator.again(found, usable, scene.now)
        verdict = found.verdict
        if isinstance(verdict, No):
            return self._refuse(scene, verdict.messages)
        over = self._over_budget(scene, verdict)
        return self._refuse(scene, (over,)) if over else self._accept(scene, found, verdict)

    def _holds(self, scene: Scene, yes: Yes) -> bool:
        """Whether a proposal still holds: it is fresh, and there is room for all of it."""
        if scene.now - self._found.now > _FRESH:
            return False
        return all(
            scene.fits(platform, envelope([bookings_of(offer.terms) for offer in offers]))
            for platform, offers in self._by_platform(self._offered(yes)).items()
        )

    def _offered(self, yes: Yes) -> tuple[Offer, ...]:
        return yes.offers

    def _accept(self, scene: Scene, found: Negotiated, yes: Yes) -> Stored:
        answer = self._new_answer(found, yes, scene.now)
        offers = [self._session(answer, found, offer, scene.now) for offer in self._offered(yes)]
        for offer in offers:
            enter(offer, SessionPhase.OFFERED, scene.now)
            note_schedule(offer, scene.now)
        scene.answer(Answered(offerset=answer, sessions=offers, taken=holds(offers)))
        scene.measure(Measure.OFFERS, "made", value=len(offers))
        self._count(scene, yes)
        return _stored(answer, offers, answer.uuid)

    def _refuse(self, scene: Scene, why: tuple[Message, ...]) -> Stored:
        document = OfferSetResponse(result="NO", meta=Metadata(messages=timed_at(why, scene.now)))
        answer = NewOfferSet(
            uuid=self._answering.new_uuid(),
            identity=self._caller.key,
            document=document,
            plans="{}",
            now=scene.now,
            expires=None,
        )
        scene.answer(Answered(offerset=answer, sessions=[], taken=[]))
        for kind in sorted({message.kind for message in why}):
            scene.measure(Measure.REFUSALS, kind.rpartition(":")[2])
        return _stored(answer, [], answer.uuid)

    def _over_budget(self, scene: Scene, yes: Yes) -> Message | None:
        held = scene.held_by.get(self._caller.key, {})
        return over_budget(self._answering.budget, held, self._most(yes))

    def _count(self, scene: Scene, yes: Yes) -> None:
        """What is held now counts for the next errand of the same identity."""
        if self._answering.budget:
            scene.hold_more(self._caller.key, self._most(yes))

    def _most(self, yes: Yes) -> dict[str, int]:
        """The most of each amount that the offers hold at any time on any platform."""
        return most_of(
            booking
            for offers in self._by_platform(yes.offers).values()
            for booking in envelope([bookings_of(offer.terms) for offer in offers])
        )

    def _by_platform(self, offers: tuple[Offer, ...]) -> dict[int, list[Offer]]:
        found: dict[int, list[Offer]] = {}
        for offer in offers:
            found.setdefault(self._found.platforms[offer.platform].id, []).append(offer)
        return found

    def _new_answer(self, found: Negotiated, yes: Yes, now: datetime) -> NewOfferSet:
        offers = self._offered(yes)
        names = {offer.platform for offer in offers}
        return NewOfferSet(
            uuid=self._answering.new_uuid(),
            identity=self._caller.key,
            document=OfferSetResponse(result="YES"),
            plans=encode({found.platforms[name].id: yes.plans[name] for name in names}),
            now=now,
            expires=datetime.fromtimestamp(max(offer.expires for offer in offers), UTC),
        )

    def _session(
        self, answer: NewOfferSet, found: Negotiated, offer: Offer, now: datetime
    ) -> StoredSession:
        demand = found.demand
        assert demand is not None
        assert isinstance(found.verdict, Yes)
        plan = found.verdict.plans[offer.platform]
        new_uuid = self._answering.new_uuid
        identities = {key: new_uuid() for key in (SESSION, *component_keys(demand))}
        session = StoredSession(
            id=0,
            uuid=identities[SESSION],
            offerset=0,
            identity=self._caller.key,
            owner=self._caller.username,
            platform=found.platforms[offer.platform].id,
            plans=answer.plans,
            capability=encode(found.platforms[offer.platform].capability),
            phase=SessionPhase.INITIAL,
            events=0,
            document=compose_session(demand, offer, plan, identities),
            terms=offer.terms,
            created=now,
            modified=now,
            expires=datetime.fromtimestamp(offer.expires, UTC),
            components=_living(identities),
        )
        for message in offer.messages:
            say(session, message, now)
        return session


class _Direct(_Answer):
    """Accept the best of what was proposed at once."""

    @property
    def identity(self) -> int | None:
        return None

    def _offered(self, yes: Yes) -> tuple[Offer, ...]:
        return yes.offers[:1]

    def _over_budget(self, scene: Scene, yes: Yes) -> Message | None:
        """What is accepted is not unanswered."""
        return None

    def _accept(self, scene: Scene, found: Negotiated, yes: Yes) -> Stored:
        answer = self._new_answer(found, yes, scene.now)
        session = self._session(answer, found, yes.offers[0], scene.now)
        first = accepting.begin(session, scene.now, self._trace)
        taken = Taken(session.platform, bookings_of(session.terms), session=session)
        scene.answer(Answered(offerset=answer, sessions=[session], taken=[taken]))
        scene.begin(session, first)
        return _stored(answer, [session], session.uuid)

    def _refuse(self, scene: Scene, why: tuple[Message, ...]) -> Stored:
        """A NO that is told and not stored."""
        document = OfferSetResponse(result="NO", meta=Metadata(messages=why))
        answer = NewOfferSet(
            uuid=self._answering.new_uuid(),
            identity=self._caller.key,
            document=document,
            plans="{}",
            now=scene.now,
            expires=None,
        )
        return _stored(answer, [], None)


def timed_at(told: tuple[Message, ...], now: datetime) -> tuple[Message, ...]:
    """Messages as they are served: with the time when they were told."""
    return tuple(msgspec.structs.replace(message, time=now) for message in told)


def _living(identities: Mapping[str, UUID]) -> dict[str, StoredComponent]:
    """The components that have a life of their own: all but volumes."""
    return {
        key: StoredComponent(id=0, key=key, uuid=identity, phase=ComponentPhase.INITIALIZING)
        for key, identity in identities.items()
        if key in (EXECUTABLE, COMPUTE) or key.startswith(("storage/", "data/"))
    }


def _stored(answer: NewOfferSet, offers: list[StoredSession], lasting: UUID | None) -> Stored:
    offerset = StoredOfferSet(
        id=0,
        uuid=answer.uuid,
        identity=answer.identity,
        document=answer.document,
        created=answer.now,
        expires=answer.expires,
    )
    return Stored(offerset, offers, answer.now, lasting)


def _reasons(stored: Stored) -> tuple[Message, ...]:
    meta = stored.offerset.document.meta
    return meta.messages if meta else ()
