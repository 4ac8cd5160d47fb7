"""A site: one platform as negotiation sees it, and one demand on it while it is judged."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import msgspec

from execution_broker.domain.amounts import CORES, Booking
from execution_broker.domain.calendar import Calendar
from execution_broker.domain.capability import Capability, Flavour
from execution_broker.domain.demand import Demand
from execution_broker.domain.negotiation.inquiry import Inquiry
from execution_broker.domain.policy import Maximum
from execution_broker.domain.simulation import takes
from execution_broker.domain.suggesting import suggestion_of
from execution_broker.models.message import Message


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds that an offer is held, and must be held at least; the most offers of one answer.

    `patience`: seconds for which what is suggested stays a Yes, so that there is time to read it.
    `suggests`: whether a NO for want of room says what there is room for. That takes many searches;
    without it only the refusal itself is told.
    """

    hold: int = 300
    least_hold: int = 30
    offers: int = 4
    patience: int = 60
    suggests: bool = True


class Hold(NamedTuple):
    """What one answer holds of one amount until it is answered, before the epoch second `expires`.
    `offerset` is its key; `is_own`: it is an answer to whoever asks now."""

    offerset: int
    is_own: bool
    expires: int
    booking: Booking


class Unanswered(NamedTuple):
    """What is held by unanswered offers, and the calendar of everything else."""

    rest: Calendar
    holds: Callable[[], Iterable[Hold]]


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """A platform with a fresh capability. `waiting`: seconds that sessions there wait for a worker
    to begin or prepare them by now. `unanswered`: None where nobody wants to know."""

    name: str
    capability: Capability
    calendar: Calendar
    waiting: int = 0
    unanswered: Unanswered | None = None

    def most(self, amount: str) -> int:
        """The most of an amount that one session can have here, were nothing booked."""
        return min(self.capability.most.get(amount, 0), self.calendar.capacity.get(amount, 0))

    def maximum(self, amount: str) -> Maximum | None:
        """What the policy says of the most of an amount that a session can have."""
        return self.capability.policy.maximum(amount)

    def takes(self, demand: Demand) -> bool:
        """Whether the site is there for such demands at all."""
        return takes(self.capability, demand.executable)


class Case:
    """One inquiry on one site. `demand` is relaxed by every fault that has a remedy, so that the
    next rule is judged as if that had been followed; `asked` stays what it was. `flavour`: the
    fixed size that is tried, where the site has any."""

    def __init__(self, site: Site, inquiry: Inquiry, flavour: Flavour | None = None) -> None:
        self.site = site
        self.inquiry = inquiry
        self.asked = self.demand = inquiry.demand
        self.flavour = flavour
        self.faults: list[Message] = []
        self.remarks: list[Message] = []
        self.is_hopeless = False

    def most_cores(self) -> int:
        return self.flavour.cores if self.flavour else self.site.most(CORES)

    def is_changed(self, path: str) -> bool:
        """Whether some fault so far suggests something for this path of the request."""
        known = map(suggestion_of, (*self.inquiry.faults, *self.faults))
        return any(one is not None and one.path == path for one in known)

    def refuse(self, fault: Message) -> None:
        """A fault that nothing helps against."""
        self.faults.append(fault)
        self.is_hopeless = True

    def relax(self, fault: Message, **changes: Any) -> None:
        """A fault that would be gone with these changes of the demand."""
        self.faults.append(fault)
        self.change(**changes)

    def change(self, **changes: Any) -> None:
        self.demand = msgspec.structs.replace(self.demand, **changes)
