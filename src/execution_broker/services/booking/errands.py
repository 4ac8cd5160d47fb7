"""The errands that make an answer, decided under the locks (B1-B5): hold offers, or accept one."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from execution_broker.domain.budget import most_of, over_budget
from execution_broker.domain.holding import held
from execution_broker.domain.identity import Caller
from execution_broker.domain.measures import Measure
from execution_broker.domain.offer import No, Offer, Yes
from execution_broker.domain.reserving import bookings as bookings_of
from execution_broker.models.message import Message
from execution_broker.services.booking.composing import Composer, Draft, Stored, stored
from execution_broker.services.booking.scene import Answered, Scene, Taken
from execution_broker.services.negotiating import Negotiated, Negotiator
from execution_broker.services.repeating import Key
from execution_broker.storage.records import NewOfferSet, StoredSession
from execution_broker.transitions import accepting, folding

_FRESH: Final = timedelta(seconds=2)
"""How old a proposal may be by the time the locks are held."""


class Asked(NamedTuple):
    """Who asked, what was found for it, on which platforms to lock, and the key to do it once.

    `trace`: the trace context of the request. `is_last`: it is answered now, with whatever reasons.
    """

    caller: Caller
    found: Negotiated
    platforms: frozenset[int]
    repetition: Key | None
    trace: str | None
    is_last: bool


class Hold:
    """Hold what was proposed; what is proposed anew, if that is gone; or tell why not.

    `budget`: the most of each amount that one identity may hold in unanswered offers (B8).
    """

    offerset = None
    uuid = None

    def __init__(
        self, asked: Asked, negotiator: Negotiator, composer: Composer, budget: Mapping[str, int]
    ) -> None:
        self._asked = asked
        self._negotiator = negotiator
        self._composer = composer
        self._budget = budget
        self._proposed = self._taken(asked.found)
        self._drafted: Draft | None = None
        if isinstance(asked.found.verdict, Yes):
            self._drafted = self._draft(asked.found, asked.found.verdict)
        self.platforms = asked.platforms
        self.repetition = asked.repetition

    @property
    def identity(self) -> int | None:
        return self._asked.caller.key if self._budget else None

    def decide(self, scene: Scene) -> Stored | None:
        """None: it is gone, and not all platforms that may have room are locked; or there is no
        room any more, and why is found out without their locks."""
        found, taken = self._asked.found, self._proposed
        if isinstance(found.verdict, Yes) and not self._holds(scene, taken):
            if self.platforms != {one.id for one in found.platforms.values()}:
                return None
            found = self._negotiator.again(found, self._asked.caller, scene.calendars, scene.now)
            taken = self._taken(found)
            if isinstance(found.verdict, No) and not self._asked.is_last:
                return None
        if isinstance(found.verdict, No):
            return self._refuse(scene, found.verdict.messages)
        over = self._over_budget(scene, taken)
        if over is not None:
            return self._refuse(scene, (over,))
        return self._accept(scene, found, found.verdict, taken)

    def _holds(self, scene: Scene, taken: list[Taken]) -> bool:
        """Whether a proposal still holds: it is fresh, and there is room for all of it."""
        is_fresh = scene.now - self._asked.found.now <= _FRESH
        return is_fresh and all(scene.fits(one.platform, one.bookings) for one in taken)

    def _taken(self, found: Negotiated) -> list[Taken]:
        """On each platform the most that any of the offers books, until they expire (B2)."""
        if isinstance(found.verdict, No):
            return []
        here: dict[int, list[Offer]] = {}
        for offer in self._offered(found.verdict):
            here.setdefault(found.platforms[offer.platform].id, []).append(offer)
        return [
            Taken(
                platform,
                held((offer.terms, offer.needs) for offer in offers),
                datetime.fromtimestamp(max(offer.expires for offer in offers), UTC),
            )
            for platform, offers in sorted(here.items())
        ]

    def _offered(self, yes: Yes) -> tuple[Offer, ...]:
        return yes.offers

    def _draft(self, found: Negotiated, yes: Yes) -> Draft:
        return self._composer.yes(found, yes, self._offered(yes))

    def _made(
        self, found: Negotiated, yes: Yes, now: datetime
    ) -> tuple[NewOfferSet, list[StoredSession]]:
        """What was drafted, where that is what is offered: once, as it changes from here on."""
        draft, self._drafted = self._drafted, None
        if draft is None or found is not self._asked.found:
            draft = self._draft(found, yes)
        return draft.made_at(now), draft.sessions

    def _accept(self, scene: Scene, found: Negotiated, yes: Yes, taken: list[Taken]) -> Stored:
        answer, offers = self._made(found, yes, scene.now)
        for offer in offers:
            folding.offer(offer)
        scene.answer(Answered(offerset=answer, sessions=offers, taken=taken))
        scene.measure(Measure.OFFERS, "made", value=len(offers))
        if self._budget:
            scene.hold_more(self._asked.caller.key, _most(taken))
        return stored(answer, offers, answer.uuid)

    def _refuse(self, scene: Scene, why: tuple[Message, ...]) -> Stored:
        answer = self._composer.no(why, scene.now)
        scene.answer(Answered(offerset=answer, sessions=[], taken=[]))
        for kind in sorted({message.kind for message in why}):
            scene.measure(Measure.REFUSALS, kind.rpartition(":")[2])
        return stored(answer, [], answer.uuid)

    def _over_budget(self, scene: Scene, taken: list[Taken]) -> Message | None:
        held = scene.held_by.get(self._asked.caller.key, {})
        return over_budget(self._budget, held, _most(taken))


class Direct(Hold):
    """Accept the best of what was proposed at once."""

    @property
    def identity(self) -> int | None:
        return None

    def _offered(self, yes: Yes) -> tuple[Offer, ...]:
        return yes.offers[:1]

    def _over_budget(self, _scene: Scene, _taken: list[Taken]) -> Message | None:
        """What is accepted is not unanswered."""
        return None

    def _accept(self, scene: Scene, found: Negotiated, yes: Yes, _taken: list[Taken]) -> Stored:
        answer, (session,) = self._made(found, yes, scene.now)
        folding.begin(session)
        first = accepting.begin(session, scene.now, self._asked.trace)
        scene.measure_room(session)
        fixed = Taken(session.platform, bookings_of(session.terms), session=session)
        scene.answer(Answered(offerset=answer, sessions=[session], taken=[fixed]))
        scene.begin(session, first)
        return stored(answer, [session], session.uuid)

    def _refuse(self, scene: Scene, why: tuple[Message, ...]) -> Stored:
        """A NO that is told and not stored."""
        return stored(self._composer.no(why, scene.now), [], None)


def _most(taken: list[Taken]) -> dict[str, int]:
    """The most of each amount that is held at any time on any platform."""
    return most_of(booking for one in taken for booking in one.bookings)
