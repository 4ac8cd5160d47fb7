"""What could be offered: at each start of a prospect the least that was asked for, and the most.

Starts are looked for, and candidates made, only as far as somebody asks for them.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import Final, NamedTuple

import msgspec

from execution_broker.domain.capability import Price
from execution_broker.domain.demand import SESSION, Demand, Size
from execution_broker.domain.growing import free_of
from execution_broker.domain.hours import extremes
from execution_broker.domain.negotiation.enlarging import grow
from execution_broker.domain.negotiation.framing import Slot, turning_slots
from execution_broker.domain.negotiation.judging import Prospect
from execution_broker.domain.negotiation.placing import Places
from execution_broker.domain.offer import Terms
from execution_broker.domain.quoting import Quote
from execution_broker.domain.reserving import stretches_at

_DAYS: Final = 7
"""How far ahead a greener hour is looked for."""

Worth = dict[tuple[str, str], float]
"""What may be compared between platforms, the more the better."""


class Variant(NamedTuple):
    """A shape with some sizes, and what may be compared between platforms."""

    shape: Terms
    quote: Quote
    sizes: tuple[float, ...]
    worth: Worth

    def dominates(self, other: "Variant") -> bool:
        """Whether nobody would choose the other at the same start: it is in nothing better, and
        in something worse."""
        if self.sizes == other.sizes and self.worth == other.worth:
            return False
        if self.worth.keys() != other.worth.keys():
            return False
        is_better = False
        for mine, its in zip(self.sizes, other.sizes, strict=True):
            if mine < its:
                return False
            is_better = is_better or mine > its
        for key, mine in self.worth.items():
            if mine < other.worth[key]:
                return False
            is_better = is_better or mine > other.worth[key]
        return is_better


class Candidate(NamedTuple):
    """What could be offered, and how it came about: the n-th start of which site, and the larger
    the more. `rooms`: what is free of each amount there."""

    prospect: Prospect
    slot: Slot
    variant: Variant
    start_number: int
    site_number: int
    size_number: int
    rooms: dict[str, int]

    @property
    def start(self) -> int:
        return self.slot.start

    @property
    def worth(self) -> Worth:
        return self.variant.worth


class Row:
    """The candidates of one prospect, by the number of their start."""

    def __init__(self, prospect: Prospect, site_number: int, size_number: int, number: int) -> None:
        self.prospect = prospect
        self.site_number = site_number
        self._size_number = size_number
        self._changing = prospect.trial.changing
        self._slots = _slots(prospect, number)
        self._seen: list[Slot] = []
        self._made: list[list[Candidate]] = []
        self._variants: dict[tuple[float, ...], Variant] = {}
        self._look()

    @cached_property
    def best(self) -> Variant:
        """As much as there may be, for as little as there may be, at no start in particular: no
        candidate is better in anything, unless prices change by the hour."""
        shape = self.prospect.shape
        least, most = self._variant(shape), self._variant(_most(shape, self.prospect.demand))
        worth = {key: max(value, most.worth[key]) for key, value in least.worth.items()}
        return most._replace(worth=worth)

    def nth(self, number: int) -> list[Candidate]:
        """Those at the n-th start; none, if there are fewer."""
        while len(self._seen) <= number:
            if not self._look():
                return []
        while len(self._made) <= number:
            self._made.append(self._candidates(len(self._made)))
        return self._made[number]

    def all(self) -> list[Candidate]:
        """Those at all starts."""
        while self._look():
            pass
        return [one for number in range(len(self._seen)) for one in self.nth(number)]

    def rivals(self, one: Candidate) -> Iterator[Variant]:
        """Those at the same start that may be better."""
        if not self._changing and not self.best.dominates(one.variant):
            return
        while self._seen[-1].start < one.start and self._look():
            pass
        for number, slot in enumerate(self._seen):
            if slot.start == one.start:
                yield from (candidate.variant for candidate in self.nth(number))

    def _look(self) -> bool:
        """Look for one more start, if there may be one."""
        slot = next(self._slots, None)
        if slot is not None:
            self._seen.append(slot)
        return slot is not None

    def _candidates(self, number: int) -> list[Candidate]:
        prospect, site, size = self.prospect, self.site_number, self._size_number
        slot, least = self._seen[number], prospect.shape
        if self._changing:
            least = slot.terms(least)
        latest = slot.latest(prospect.shape)
        calendar = prospect.trial.site.calendar
        booked = stretches_at(prospect.search.needed, slot.start, latest)
        rooms = free_of(booked, calendar)
        grown = grow(prospect, least, rooms)
        found = [Candidate(prospect, slot, self._variant(least), number, site, size, rooms)]
        if grown != least:
            larger = self._variant(grown)
            found.append(Candidate(prospect, slot, larger, number, site, size + 1, rooms))
        return found

    def _variant(self, shape: Terms) -> Variant:
        """Known by its sizes, unless prices change by the hour."""
        sizes, trial = _sizes(shape), self.prospect.trial
        found = self._variants.get(sizes)
        if found is None or trial.changing:
            quote = trial.quote_terms(shape)
            found = self._variants[sizes] = Variant(shape, quote, sizes, _worth(quote))
        return found


def _slots(prospect: Prospect, number: int) -> Iterator[Slot]:
    """The first slot, and then each time the first one after the end of the last; and those at
    which prices that change by the hour are least."""
    shape = prospect.shape
    slot: Slot | None = prospect.slot
    found = []
    for _ in range(number):
        if slot is None:
            break
        found.append(slot)
        yield slot
        slot = prospect.search.first_from(slot.start + shape.duration)
    for price in prospect.trial.site.capability.prices:
        least = _least(prospect, shape, price)
        if least is not None and least not in found:
            found.append(least)
            yield least


def _least(prospect: Prospect, shape: Terms, price: Price) -> Slot | None:
    """The slot at which a price that changes by the hour is least; where there is no room then,
    the first one after such a time that is better than the next best time."""
    if not price.by_hour:
        return None
    frame, best = prospect.frame, None

    def factor(slot: Slot) -> float:
        terms = slot.terms(shape)
        return extremes(price.by_hour, terms.start, terms.latest, terms.duration)[1]

    needed = prospect.search.needed
    places = Places(prospect.trial, shape, needed, prospect.bounds, frame.last, frame.expires)
    slots = turning_slots(shape, frame, frame.expires, _DAYS)
    for slot in sorted(slots, key=lambda slot: (factor(slot), slot.start)):
        if best is not None and factor(best) <= factor(slot):
            break
        start = places.first_from(slot.start)
        found = None if start is None else Slot(start, frame.expires)
        if found is not None and (best is None or factor(found) < factor(best)):
            best = found
    return best


def _most(shape: Terms, demand: Demand) -> Terms:
    """The shape with the most of each amount, whether or not there is room or a bound allows it."""
    return msgspec.structs.replace(
        shape,
        cores=_most_of(demand.cores),
        memory=_most_of(demand.memory),
        storage=tuple(_most_of(part.size) for part in demand.storage),
        amounts={name: _most_of(size) for name, size in demand.amounts.items()},
    )


def _most_of(size: Size) -> int:
    return max(size.min, size.max or 0)


def _sizes(terms: Terms) -> tuple[float, ...]:
    further = [terms.amounts[name] for name in sorted(terms.amounts)]
    return (terms.cores, terms.memory, *further, *terms.storage)


def _worth(quote: Quote) -> Worth:
    """What may be compared between platforms, the more the better: cost.max and metric.min."""
    costs = {("cost", c.type or ""): -(c.max or 0.0) for c in quote.costs[SESSION]}
    return costs | {("metric", m.type or ""): m.min or 0.0 for m in quote.metrics[SESSION]}
