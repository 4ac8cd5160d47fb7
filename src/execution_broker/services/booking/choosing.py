"""Accepting one offer of an answer, and turning one down."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from execution_broker.domain import messages
from execution_broker.domain.measures import Measure
from execution_broker.domain.reserving import bookings as bookings_of
from execution_broker.models.phases import SessionPhase
from execution_broker.services.booking.scene import Scene
from execution_broker.storage.records import LockedOffer, StoredSession
from execution_broker.transitions.accepting import begin, check_offered, refuse

Guard = Callable[[StoredSession, datetime], None]
"""Raises what forbids a change of a locked session as it is now."""


class Decided(NamedTuple):
    """A session as it was stored, and when that was decided."""

    session: StoredSession
    now: datetime


class Choice:
    """About one offer of a stored answer."""

    platforms: frozenset[int] = frozenset()
    identity: int | None = None
    repetition = None

    def __init__(self, offerset: int, uuid: UUID, guard: Guard) -> None:
        self.offerset = offerset
        self.uuid = uuid
        self._guard = guard

    def chosen(self, scene: Scene) -> tuple[StoredSession, list[LockedOffer]]:
        """The offer, if nothing forbids to change it, and the others of its answer."""
        offers = scene.offers_of(self.offerset)
        chosen = next(offer for offer in offers if offer.uuid == self.uuid)
        assert isinstance(chosen, StoredSession), "it was asked for, and read as a whole"
        self._guard(chosen, scene.now)
        return chosen, [offer for offer in offers if offer is not chosen]


class Accept(Choice):
    """Accept one offer and let the others go.

    An offer accepted before stays as it is, in any later phase. Conflict when it has expired,
    was refused, or when another offer of the set was accepted.
    """

    def __init__(self, offerset: int, uuid: UUID, guard: Guard, trace: str | None = None) -> None:
        super().__init__(offerset, uuid, guard)
        self._trace = trace

    def decide(self, scene: Scene) -> Decided:
        chosen, others = self.chosen(scene)
        if chosen.accepted is not None:
            scene.measure_room(chosen)
            return Decided(chosen, scene.now)
        check_offered(chosen, scene.now)
        scene.let_go(self.offerset)
        for other in _open(others, scene.now):
            refuse(other, SessionPhase.REJECTED, scene.now, messages.SIBLING_ACCEPTED())
            scene.refused(other)
        scene.measure(Measure.OFFERS, "accepted")
        scene.begin(chosen, begin(chosen, scene.now, self._trace))
        scene.measure_room(chosen)
        scene.confirm(chosen, bookings_of(chosen.terms))
        scene.save(chosen)
        return Decided(chosen, scene.now)


class TurnDown(Choice):
    """The client does not want this offer: what only it needed is let go at once.

    REJECTED or CANCELLED, as the client says; saying the same again changes nothing.
    """

    def __init__(self, offerset: int, uuid: UUID, guard: Guard, phase: SessionPhase) -> None:
        super().__init__(offerset, uuid, guard)
        self._phase = phase

    def decide(self, scene: Scene) -> Decided:
        chosen, others = self.chosen(scene)
        if chosen.phase is self._phase:
            return Decided(chosen, scene.now)
        check_offered(chosen, scene.now)
        refuse(chosen, self._phase, scene.now)
        scene.measure(Measure.OFFERS, "rejected")
        scene.refused(chosen)
        scene.let_go(self.offerset)
        rest = _open(others, scene.now)
        if rest:
            scene.hold(rest)
        return Decided(chosen, scene.now)


def _open(offers: Iterable[LockedOffer], now: datetime) -> list[LockedOffer]:
    """Those that still hold. What has expired was seen so, whatever is stored: it stays so."""
    return [o for o in offers if o.phase is SessionPhase.OFFERED and now < o.expires]
