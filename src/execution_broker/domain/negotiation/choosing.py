"""Chooses the offers of one answer: the earliest, and what is worth choosing beside it (N6, N7)."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from execution_broker.domain.capability import Price
from execution_broker.domain.demand import SESSION
from execution_broker.domain.growing import free_of, longest
from execution_broker.domain.hours import extremes
from execution_broker.domain.negotiation.enlarging import grow
from execution_broker.domain.negotiation.framing import Slot, turning_slots
from execution_broker.domain.negotiation.judging import Prospect
from execution_broker.domain.negotiation.placing import Places, Search
from execution_broker.domain.offer import Offer, Terms
from execution_broker.domain.quoting import Quote
from execution_broker.domain.reserving import footprints, needs, stretches_at

_DAYS: Final = 7
"""How far ahead a greener hour is looked for."""


class _Variant(NamedTuple):
    """A shape with some sizes, and what may be compared between platforms."""

    shape: Terms
    quote: Quote
    sizes: tuple[float, ...]
    worth: dict[tuple[str, str], float]

    @property
    def merits(self) -> "_Merits":
        """What is compared, the same for variants of which nobody would prefer one."""
        return self.sizes, frozenset(self.worth.items())


_Merits = tuple[tuple[float, ...], frozenset[tuple[tuple[str, str], float]]]


class _Candidate(NamedTuple):
    """What could be offered, and how it came about: the n-th start of which site, and the larger
    the more. `rooms`: what is free of each amount there."""

    prospect: Prospect
    slot: Slot
    variant: _Variant
    start_number: int
    site_number: int
    size_number: int
    rooms: dict[str, int]

    @property
    def start(self) -> int:
        return self.slot.start

    @property
    def worth(self) -> dict[tuple[str, str], float]:
        return self.variant.worth


def choose(prospects: Sequence[Prospect], number: int) -> tuple[Offer, ...]:
    """At most `number` offers, the earliest first; never one that is dominated.

    In this order they are chosen: the earliest; the cheapest by each type of cost; the largest
    at the earliest start; later ones; what else there is. Later starts are looked for only until
    there are enough: where no price changes by the hour, none of them is cheaper than the first.
    """
    ranked = sorted(prospects, key=lambda p: p.slot.start)
    sites = list(dict.fromkeys(prospect.trial.site.name for prospect in ranked))
    rows = [
        _Row(prospect, sites.index(prospect.trial.site.name), 2 * size_number, number)
        for size_number, prospect in enumerate(ranked)
    ]
    worthy: list[_Candidate] = []
    chosen: list[_Candidate] = []
    if not any(prospect.trial.changing for prospect in ranked):
        for start_number in range(number):
            worthy += _worthy(_up_to(rows, start_number))
            if len(worthy) < number:
                continue
            chosen = _distinct(_preferred(worthy, start_number), number)
            if len(chosen) == number:
                break
    if len(chosen) < number:
        worthy += _worthy([one for row in rows for one in row.take(None)])
        chosen = _distinct(_by_preference(worthy), number)
    return tuple(sorted(map(_offer, chosen), key=lambda offer: offer.terms.start))


class _Row:
    """The candidates of one prospect, in the order of their starts: made as far as is wanted."""

    def __init__(self, prospect: Prospect, site_number: int, size_number: int, number: int) -> None:
        self._prospect = prospect
        self._site_number = site_number
        self._size_number = size_number
        self._needed = footprints(prospect.shape)
        self._slots = _slots(prospect, number)
        self._seen: list[Slot] = []
        self._taken = 0
        self._variants: dict[tuple[float, ...], _Variant] = {}

    def start(self, number: int) -> int:
        """The n-th start; the last one, if there are fewer."""
        while len(self._seen) <= number and self._look():
            pass
        return self._seen[min(number, len(self._seen) - 1)].start

    def take(self, start: int | None) -> Iterator[_Candidate]:
        """Those up to a start that were not taken before: at each the least that was asked for,
        and as much as there is room for."""
        while (start is None or self._seen[-1].start < start) and self._look():
            pass
        while self._taken < len(self._seen):
            slot = self._seen[self._taken]
            if start is not None and slot.start > start:
                break
            yield from self._candidates(self._taken, slot)
            self._taken += 1

    def _look(self) -> bool:
        """Look for one more start, if there may be one."""
        slot = next(self._slots, None)
        if slot is not None:
            self._seen.append(slot)
        return slot is not None

    def _candidates(self, number: int, slot: Slot) -> Iterator[_Candidate]:
        prospect, site, size = self._prospect, self._site_number, self._size_number
        least = prospect.shape
        if prospect.trial.changing:
            least = slot.terms(least)
        latest = slot.latest(prospect.shape)
        calendar = prospect.trial.site.calendar
        rooms = free_of(stretches_at(self._needed, slot.start, latest), calendar)
        grown = grow(prospect, least, rooms)
        yield _Candidate(prospect, slot, self._variant(least), number, site, size, rooms)
        if grown != least:
            yield _Candidate(prospect, slot, self._variant(grown), number, site, size + 1, rooms)

    def _variant(self, shape: Terms) -> _Variant:
        """Known by its sizes, unless prices change by the hour."""
        sizes, trial = _sizes(shape), self._prospect.trial
        found = self._variants.get(sizes)
        if found is None or trial.changing:
            quote = trial.quote_terms(shape)
            found = self._variants[sizes] = _Variant(shape, quote, sizes, _worth(quote))
        return found


def _up_to(rows: Sequence[_Row], start_number: int) -> list[_Candidate]:
    """The next candidates, up to the latest of the n-th starts: what dominates one of them is
    there, too."""
    last = max(row.start(start_number) for row in rows)
    return [candidate for row in rows for candidate in row.take(last)]


def _slots(prospect: Prospect, number: int) -> Iterator[Slot]:
    """The first slot, and then each time the first one after the end of the last; and those at
    which prices that change by the hour are least."""
    shape = prospect.shape
    search = Search(prospect.trial, shape, prospect.bounds, prospect.frame)
    slot: Slot | None = prospect.slot
    found = []
    for _ in range(number):
        if slot is None:
            break
        found.append(slot)
        yield slot
        slot = search.first_from(slot.start + shape.duration)
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

    places = Places(prospect.trial, shape, prospect.bounds, frame.last, frame.expires)
    slots = turning_slots(shape, frame, frame.expires, _DAYS)
    for slot in sorted(slots, key=lambda slot: (factor(slot), slot.start)):
        if best is not None and factor(best) <= factor(slot):
            break
        start = places.first_from(slot.start)
        found = None if start is None else Slot(start, frame.expires)
        if found is not None and (best is None or factor(found) < factor(best)):
            best = found
    return best


def _distinct(candidates: Iterable[_Candidate], number: int) -> list[_Candidate]:
    """The first of them that are different offers."""
    chosen: dict[tuple[object, ...], _Candidate] = {}
    for one in candidates:
        if len(chosen) == number:
            break
        site = one.prospect.trial.site.name
        chosen.setdefault((site, one.slot, one.variant.sizes), one)
    return list(chosen.values())


def _offer(candidate: _Candidate) -> Offer:
    prospect, quote = candidate.prospect, candidate.variant.quote
    terms = candidate.slot.terms(candidate.variant.shape)
    calendar = prospect.trial.site.calendar
    return Offer(
        platform=prospect.trial.site.name,
        terms=terms,
        expires=candidate.slot.expires,
        costs=quote.costs,
        metrics=quote.metrics,
        messages=prospect.remarks,
        room=candidate.rooms | longest(terms, needs(terms), calendar),
    )


def _worthy(candidates: Sequence[_Candidate]) -> list[_Candidate]:
    """Those that none with the same start dominates."""
    at: dict[int, dict[_Merits, _Variant]] = {}
    for one in candidates:
        at.setdefault(one.start, {})[one.variant.merits] = one.variant
    lost = {
        (start, merits)
        for start, variants in at.items()
        for merits, variant in variants.items()
        if any(_dominates(other, variant) for other in variants.values())
    }
    return [c for c in candidates if (c.start, c.variant.merits) not in lost]


def _dominates(one: _Variant, other: _Variant) -> bool:
    """Whether nobody would choose the other: the same start, in nothing better, in one worse."""
    if one is other or one.worth.keys() != other.worth.keys():
        return False
    is_better = False
    for mine, its in zip(one.sizes, other.sizes, strict=True):
        if mine < its:
            return False
        is_better = is_better or mine > its
    for key, mine in one.worth.items():
        if mine < other.worth[key]:
            return False
        is_better = is_better or mine > other.worth[key]
    return is_better


def _sizes(terms: Terms) -> tuple[float, ...]:
    further = (terms.amounts[name] for name in sorted(terms.amounts))
    return (terms.cores, terms.memory, *further, *terms.storage)


def _worth(quote: Quote) -> dict[tuple[str, str], float]:
    """What may be compared between platforms, the more the better: cost.max and metric.min."""
    costs = {("cost", c.type or ""): -(c.max or 0.0) for c in quote.costs[SESSION]}
    return costs | {("metric", m.type or ""): m.min or 0.0 for m in quote.metrics[SESSION]}


def _preferred(candidates: Sequence[_Candidate], last: int) -> Iterator[_Candidate]:
    """The earliest, the cheapest, and the other ones on the site of the earliest up to its n-th
    start, some twice: those that are chosen first come first."""
    earliest = min(candidates, key=lambda c: (c.start, c.site_number, c.size_number))
    yield earliest
    for kind in sorted({key for c in candidates for key in c.worth if key[0] == "cost"}):
        quoting = [c for c in candidates if kind in c.worth]
        yield max(quoting, key=lambda c: (c.worth[kind], -c.start))
    same_site = [
        c for c in candidates if c.site_number == earliest.site_number and c.start_number <= last
    ]
    yield from sorted(same_site, key=lambda c: (c.start_number, c.size_number))


def _by_preference(candidates: Sequence[_Candidate]) -> Iterator[_Candidate]:
    """All of them, some twice."""
    yield from _preferred(candidates, max(c.start_number for c in candidates))
    yield from sorted(candidates, key=lambda c: (c.start_number, c.site_number, c.size_number))
