"""A site: one platform as negotiation sees it, and one demand on it while it is judged."""

from collections.abc import Mapping
from typing import Any

import msgspec

from execution_broker.domain.calendar import Calendar
from execution_broker.domain.capability import Capability
from execution_broker.domain.demand import Demand, Lookup
from execution_broker.models.message import Message


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds that an offer is held, and must be held at least; the most offers of one answer.

    `patience`: seconds for which what is suggested stays a Yes, so that there is time to read it.
    """

    hold: int = 300
    least_hold: int = 30
    offers: int = 4
    patience: int = 60


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """A platform with a fresh capability. `lookups` by component key."""

    name: str
    capability: Capability
    calendar: Calendar
    lookups: Mapping[str, Lookup] = {}

    def most(self, amount: str, limit: int | None) -> int:
        """The most of an amount that one session can have here, were nothing booked."""
        reported = self.capability.capacity.get(amount, 0)
        room = min(reported, self.calendar.capacity.get(amount, 0))
        return room if limit is None else min(room, limit)


class Case:
    """One demand on one site. `demand` is relaxed by every fault that has a remedy, so that the
    next rule is judged as if that had been followed. `floors`: the least GiB of each storage."""

    def __init__(self, site: Site, demand: Demand) -> None:
        self.site = site
        self.demand = demand
        self.faults: list[Message] = []
        self.remarks: list[Message] = []
        self.floors: tuple[int, ...] = ()
        self.is_hopeless = False

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
