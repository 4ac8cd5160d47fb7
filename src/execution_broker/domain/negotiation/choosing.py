"""Chooses the offers of one answer: the earliest, and what is worth choosing beside it (N6, N7)."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final

import msgspec

from execution_broker.domain.amounts import CORES, MEMORY, STORAGE
from execution_broker.domain.capability import Price
from execution_broker.domain.demand import SESSION
from execution_broker.domain.hours import extremes
from execution_broker.domain.negotiation.bisecting import most_that
from execution_broker.domain.negotiation.bounds import is_kept
from execution_broker.domain.negotiation.framing import Slot, turning_slots
from execution_broker.domain.negotiation.judging import Prospect
from execution_broker.domain.negotiation.placing import Places, find
from execution_broker.domain.negotiation.spreading import spread
from execution_broker.domain.offer import Offer, Terms
from execution_broker.domain.reserving import bookings

_DAYS: Final = 7
"""How far ahead a greener hour is looked for."""


class _Candidate(msgspec.Struct, frozen=True):
    """An offer, and how it came about: the n-th start of which site, and the larger the more."""

    offer: Offer
    start_number: int
    site_number: int
    size_number: int
    sizes: tuple[float, ...]
    worth: dict[tuple[str, str], float]


def choose(prospects: Sequence[Prospect], number: int) -> tuple[Offer, ...]:
    """At most `number` offers, the earliest first; never one that is dominated.

    In this order they are chosen: the earliest; the cheapest by each type of cost; the largest
    at the earliest start; later ones; what else there is.
    """
    ranked = sorted(prospects, key=lambda p: p.slot.start)
    sites = list(dict.fromkeys(prospect.trial.site.name for prospect in ranked))
    candidates = [
        candidate
        for size_number, prospect in enumerate(ranked)
        for candidate in _candidates(
            prospect, sites.index(prospect.trial.site.name), 2 * size_number, number
        )
    ]
    worthy = [c for c in candidates if not any(_dominates(one, c) for one in candidates)]
    chosen: list[Offer] = []
    for candidate in _by_preference(worthy):
        if len(chosen) < number and candidate.offer not in chosen:
            chosen.append(candidate.offer)
    return tuple(sorted(chosen, key=lambda offer: offer.terms.start))


def _candidates(
    prospect: Prospect, site_number: int, size_number: int, number: int
) -> Iterator[_Candidate]:
    """At each start the least that was asked for, and as much as there is room for."""
    for start_number, slot in enumerate(_slots(prospect, number)):
        least = slot.terms(prospect.trial.shape(prospect.demand))
        grown = _grow(prospect, least)
        yield _candidate(_offer(prospect, slot, least), start_number, site_number, size_number)
        if grown != least:
            offer = _offer(prospect, slot, grown)
            yield _candidate(offer, start_number, site_number, size_number + 1)


def _candidate(offer: Offer, start_number: int, site_number: int, size_number: int) -> _Candidate:
    sizes, worth = _sizes(offer.terms), _worth(offer)
    return _Candidate(offer, start_number, site_number, size_number, sizes, worth)


def _slots(prospect: Prospect, number: int) -> Iterator[Slot]:
    """The first slot, and then each time the first one after the end of the last; and those at
    which prices that change by the hour are least."""
    shape = prospect.trial.shape(prospect.demand)
    slot: Slot | None = prospect.slot
    found = []
    for _ in range(number):
        if slot is None:
            break
        found.append(slot)
        earliest = slot.start + shape.duration
        slot = find(prospect.trial, shape, prospect.bounds, prospect.frame, earliest)
    for price in prospect.trial.site.capability.prices:
        least = _least(prospect, shape, price)
        if least is not None and least not in found:
            found.append(least)
    return iter(found)


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


def _grow(prospect: Prospect, least: Terms) -> Terms:
    """As many cores, then as much memory, then of each further amount, then storage, as there is
    room for within the most that was asked for and every bound."""
    demand = prospect.demand
    terms = least
    cores = min(demand.cores.max or 0, _room(prospect, terms, CORES))
    terms = _largest(prospect, terms, terms.cores, cores, lambda n: {"cores": n})
    memory = min(demand.memory.max or 0, _room(prospect, terms, MEMORY))
    terms = _largest(prospect, terms, terms.memory, memory, lambda n: {"memory": n})
    for name, size in demand.amounts.items():
        most = min(size.max or 0, _room(prospect, terms, name))
        change = partial(_with_amount, terms, name)
        terms = _largest(prospect, terms, terms.amounts[name], most, change)
    wanted = sum(part.size.max or part.size.min for part in demand.storage)
    most = min(prospect.trial.site.most(STORAGE), _room(prospect, terms, STORAGE))
    extra = min(wanted, most) - sum(terms.storage)
    return _largest(prospect, terms, 0, extra, lambda n: {"storage": spread(demand.storage, n)})


def _with_amount(terms: Terms, name: str, number: int) -> dict[str, Any]:
    return {"amounts": {**terms.amounts, name: number}}


def _room(prospect: Prospect, terms: Terms, name: str) -> int:
    """How much of an amount is free for as long as these terms book it."""
    calendar = prospect.trial.site.calendar
    peaks = (calendar.peak(name, b.start, b.end) for b in bookings(terms) if name in b.amounts)
    return calendar.capacity.get(name, 0) - max(peaks, default=0)


def _largest(
    prospect: Prospect,
    terms: Terms,
    low: int,
    high: int,
    change: Callable[[int], dict[str, Any]],
) -> Terms:
    """The terms with the largest change in [low, high] that keeps every bound."""

    def keeps_bounds(number: int) -> bool:
        quote = prospect.trial.quote_terms(msgspec.structs.replace(terms, **change(number)))
        return all(is_kept(bound, quote) for bound in prospect.bounds)

    found = most_that(keeps_bounds, low, high) if prospect.bounds else high
    return (
        terms if found is None or found < low else msgspec.structs.replace(terms, **change(found))
    )


def _offer(prospect: Prospect, slot: Slot, terms: Terms) -> Offer:
    quote = prospect.trial.quote_terms(terms)
    return Offer(
        platform=prospect.trial.site.name,
        terms=terms,
        expires=slot.expires,
        costs=quote.costs,
        metrics=quote.metrics,
        bookings=tuple(bookings(terms)),
        messages=prospect.remarks,
    )


def _dominates(one: _Candidate, other: _Candidate) -> bool:
    """Whether nobody would choose the other: the same start, in nothing better, in one worse."""
    if one is other or one.offer.terms.start != other.offer.terms.start:
        return False
    if one.worth.keys() != other.worth.keys():
        return False
    sizes = zip(one.sizes, other.sizes, strict=True)
    pairs = [*sizes, *((one.worth[key], other.worth[key]) for key in one.worth)]
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)


def _sizes(terms: Terms) -> tuple[float, ...]:
    further = (terms.amounts[name] for name in sorted(terms.amounts))
    return (terms.cores, terms.memory, *further, *terms.storage)


def _worth(offer: Offer) -> dict[tuple[str, str], float]:
    """What may be compared between platforms, the more the better: cost.max and metric.min."""
    costs = {("cost", c.type or ""): -(c.max or 0.0) for c in offer.costs[SESSION]}
    return costs | {("metric", m.type or ""): m.min or 0.0 for m in offer.metrics[SESSION]}


def _by_preference(candidates: Sequence[_Candidate]) -> Iterator[_Candidate]:
    """All of them, some twice: those that are chosen first come first."""
    earliest = min(candidates, key=lambda c: (c.offer.terms.start, c.site_number, c.size_number))
    yield earliest
    for kind in sorted({key for c in candidates for key in c.worth if key[0] == "cost"}):
        quoting = [c for c in candidates if kind in c.worth]
        yield max(quoting, key=lambda c: (c.worth[kind], -c.offer.terms.start))
    same_site = [c for c in candidates if c.site_number == earliest.site_number]
    yield from sorted(same_site, key=lambda c: (c.start_number, c.size_number))
    yield from sorted(candidates, key=lambda c: (c.start_number, c.site_number, c.size_number))
