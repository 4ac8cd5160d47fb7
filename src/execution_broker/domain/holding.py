"""What an answer holds on one platform while nobody has answered it (B2)."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from operator import attrgetter
from typing import Final

from execution_broker.domain.amounts import Booking, Stretch, of_alternatives
from execution_broker.domain.calendar import most
from execution_broker.domain.offer import Terms

_when: Final = attrgetter("start", "end")


_Part = tuple[Stretch, bool]
"""What an offer needs of one amount, and whether the offer is an alternative."""


def held(offers: Iterable[tuple[Terms, Sequence[Stretch]]]) -> list[Booking]:
    """At each instant the most that any offer needs; and of that, what counts against the share of
    alternatives: the most that any of these does. `offers`: terms with all that they need.
    Bookings of one amount each, the earliest first."""
    by_name: dict[str, list[_Part]] = {}
    for terms, needs in offers:
        for one in needs:
            if one.amount and one.start < one.end:
                by_name.setdefault(one.name, []).append((one, terms.is_alternative))
    found: list[Booking] = []
    for name, parts in by_name.items():
        single = _single(name, parts)
        found += _several(name, parts) if single is None else (single,)
    return sorted(found, key=_when)


def of_the_share(alternatives: Iterable[Iterable[Stretch]]) -> list[Stretch]:
    """What alternatives hold of the share that all of them have together."""
    by_name: dict[str, list[Stretch]] = {}
    for one in (stretch for needs in alternatives for stretch in needs):
        if one.amount and one.start < one.end:
            by_name.setdefault(one.name, []).append(one)
    return [
        one._replace(name=of_alternatives(name))
        for name, parts in by_name.items()
        for one in most(parts)
    ]


def _single(name: str, parts: Sequence[_Part]) -> Booking | None:
    """The booking that says it all, as mostly one can: equal amounts, each before the last has
    ended, and from some instant on for alternatives, too."""
    amount, begin, last = parts[0][0].amount, parts[0][0].start, parts[0][0].start
    end = parts[0][0].end
    since, until = None, 0
    for one, is_alternative in parts:
        if one.amount != amount or not last <= one.start <= end:
            return None
        last, end = one.start, max(end, one.end)
        if is_alternative:
            if since is None:
                since = one.start
            elif one.start > until:
                return None
            until = max(until, one.end)
    if since is not None and until != end:
        return None
    return Booking({name: amount}, begin, end, shared_from=since)


def _several(name: str, parts: Sequence[_Part]) -> Iterator[Booking]:
    """Bookings that add up to the whole: those that alternatives do not need, and those that they
    do."""
    whole = most([one for one, _ in parts])
    shared = most([one for one, is_alternative in parts if is_alternative])
    edges = sorted({edge for one in (*whole, *shared) for edge in (one.start, one.end)})
    alone: list[Stretch] = []
    together: list[Stretch] = []
    for start, end in pairwise(edges):
        amount = _at(shared, start)
        _append(together, Stretch(name, start, end, amount))
        _append(alone, Stretch(name, start, end, _at(whole, start) - amount))
    for _, start, end, amount in alone:
        yield Booking({name: amount}, start, end)
    for _, start, end, amount in together:
        yield Booking({name: amount}, start, end, shared_from=start)


def _at(parts: Iterable[Stretch], instant: int) -> int:
    return sum(one.amount for one in parts if one.start <= instant < one.end)


def _append(parts: list[Stretch], one: Stretch) -> None:
    """Join it to the last, where nothing changes between them; nothing at all is left out."""
    if parts and (parts[-1].end, parts[-1].amount) == (one.start, one.amount):
        parts[-1] = parts[-1]._replace(end=one.end)
    elif one.amount:
        parts.append(one)
