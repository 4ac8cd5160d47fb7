"""Chooses the offers of one answer: the earliest, and what is worth choosing beside it (N6, N7)."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from math import inf

import msgspec

from execution_broker.domain.growing import longest
from execution_broker.domain.negotiation.candidates import Candidate, Row
from execution_broker.domain.negotiation.judging import Prospect
from execution_broker.domain.offer import Offer
from execution_broker.domain.reserving import needs


def choose(prospects: Sequence[Prospect], number: int) -> tuple[Offer, ...]:
    """At most `number` offers, the earliest first; never one that is dominated.

    In this order they are chosen: the earliest; the cheapest by each type of cost; the largest
    at the earliest start; later ones; what else there is.
    """
    ranked = sorted(prospects, key=lambda p: p.slot.start)
    sites = list(dict.fromkeys(prospect.trial.site.name for prospect in ranked))
    rows = [
        Row(prospect, sites.index(prospect.trial.site.name), 2 * size_number, number)
        for size_number, prospect in enumerate(ranked)
    ]
    chosen: list[Candidate] = []
    if not any(prospect.trial.changing for prospect in ranked):
        chosen = _at_steady_prices(rows, number)
    if len(chosen) < number:
        chosen = _distinct(
            _by_preference(_worthy([c for r in rows for c in r.all()], rows)), number
        )
    return tuple(sorted(map(_offer, chosen), key=lambda offer: offer.terms.start))


def _at_steady_prices(rows: Sequence[Row], number: int) -> list[Candidate]:
    """The offers where no price changes by the hour, or fewer than there may be.

    The earliest and the cheapest are then at the first start of their prospect, and the rest on the
    site of the earliest: nothing else is looked for but what may dominate one of these.
    """
    known: dict[tuple[Row, int], list[Candidate]] = {}

    def worthy(row: Row, start_number: int) -> list[Candidate]:
        found = known.get((row, start_number))
        if found is None:
            found = known[row, start_number] = _worthy(row.nth(start_number), rows)
        return found

    firsts: list[Candidate] = []
    for row in rows:
        if not firsts or _may_be_cheapest(row, firsts):
            firsts += worthy(row, 0)
    here = [row for row in rows if row.site_number == firsts[0].site_number]
    same_site = (
        one for start_number in range(number) for row in here for one in worthy(row, start_number)
    )
    return _distinct(chain(firsts[:1], _cheapest(firsts), same_site), number)


def _may_be_cheapest(row: Row, others: Sequence[Candidate]) -> bool:
    """Whether a cost may be less in this row, or is not quoted by the others."""
    return any(
        all(value > other.worth.get(kind, -inf) for other in others)
        for kind, value in row.best.worth.items()
        if kind[0] == "cost"
    )


def _worthy(candidates: Iterable[Candidate], rows: Sequence[Row]) -> list[Candidate]:
    """Those that none with the same start dominates."""
    return [
        one
        for one in candidates
        if not any(rival.dominates(one.variant) for row in rows for rival in row.rivals(one))
    ]


def _distinct(candidates: Iterable[Candidate], number: int) -> list[Candidate]:
    """The first of them that are different offers."""
    chosen: dict[tuple[object, ...], Candidate] = {}
    for one in candidates:
        site = one.prospect.trial.site.name
        chosen.setdefault((site, one.slot, one.variant.sizes), one)
        if len(chosen) == number:
            break
    return list(chosen.values())


def _cheapest(candidates: Sequence[Candidate]) -> Iterator[Candidate]:
    """The cheapest by each type of cost, of equal ones the earliest."""
    for kind in sorted({key for c in candidates for key in c.worth if key[0] == "cost"}):
        quoting = [c for c in candidates if kind in c.worth]
        yield max(quoting, key=lambda c: (c.worth[kind], -c.start))


def _by_preference(candidates: Sequence[Candidate]) -> Iterator[Candidate]:
    """All of them, some twice: those that are chosen first come first."""
    earliest = min(candidates, key=lambda c: (c.start, c.site_number, c.size_number))
    yield earliest
    yield from _cheapest(candidates)
    same_site = [c for c in candidates if c.site_number == earliest.site_number]
    yield from sorted(same_site, key=lambda c: (c.start_number, c.size_number))
    yield from sorted(candidates, key=lambda c: (c.start_number, c.site_number, c.size_number))


def _offer(candidate: Candidate) -> Offer:
    prospect, quote = candidate.prospect, candidate.variant.quote
    terms = candidate.slot.terms(candidate.variant.shape)
    if terms.start < terms.latest:
        terms = msgspec.structs.replace(terms, early=prospect.early)
    booked = tuple(needs(terms))
    calendar = prospect.trial.site.calendar
    return Offer(
        platform=prospect.trial.site.name,
        terms=terms,
        expires=candidate.slot.expires,
        needs=booked,
        costs=quote.costs,
        metrics=quote.metrics,
        messages=prospect.remarks,
        room=candidate.rooms | longest(terms, booked, calendar),
    )
