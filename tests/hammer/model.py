"""A naive model of one platform's cores: what clients were told, and no more.

It keeps every offer as its answer described it, and says of each whether it may still be accepted,
how much all that was promised needs at any instant, and how much has not gone in time. It never
looks into the database.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from execution_broker.models.phases import SessionPhase

RELEASE = timedelta(seconds=10)
"""For which compute is booked after a session, as usual."""


@dataclass
class Offer:
    """What a client knows of one offer. `answer` is that of its set. `start` is the planned one; it
    may start from `earliest` on, where there is room."""

    uuid: str
    answer: int
    start: datetime
    latest: datetime
    seconds: int
    cores: int
    expires: datetime
    phase: SessionPhase = SessionPhase.OFFERED
    earliest: datetime | None = None

    @property
    def ends(self) -> datetime:
        """When it ends, if it starts as late as it may."""
        return self.latest + timedelta(seconds=self.seconds)

    def needs(self, instant: datetime) -> int:
        return self.cores if self.start <= instant < self.ends else 0

    def is_open(self, now: datetime) -> bool:
        return self.phase is SessionPhase.OFFERED and now < self.expires

    def was_accepted(self) -> bool:
        """Only what was accepted is ever ended early. To accept it again is no conflict."""
        return self.phase in (SessionPhase.ACCEPTED, SessionPhase.CANCELLED)


@dataclass
class Model:
    offers: list[Offer] = field(default_factory=list)
    was_cut: bool = False

    def accepted(self) -> list[Offer]:
        return [offer for offer in self.offers if offer.phase is SessionPhase.ACCEPTED]

    def movable(self) -> list[Offer]:
        """Those that may start before the planned start."""
        return [one for one in self.accepted() if one.earliest and one.earliest < one.start]

    def used(self, instant: datetime, now: datetime) -> int:
        held: dict[int, int] = {}
        for offer in self.offers:
            if offer.is_open(now):
                held[offer.answer] = max(held.get(offer.answer, 0), offer.needs(instant))
        return sum(o.needs(instant) for o in self.accepted()) + sum(held.values())

    def late(self, now: datetime) -> int:
        """The cores of those that should have gone by now."""
        return sum(offer.cores for offer in self.accepted() if offer.ends + RELEASE <= now)
