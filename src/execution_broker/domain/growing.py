"""How much a session could have instead of what it has: what is free where it is booked."""

from collections.abc import Iterable, Mapping
from typing import Final

from execution_broker.domain.amounts import Stretch, of_alternatives
from execution_broker.domain.calendar import Calendar
from execution_broker.domain.offer import Terms
from execution_broker.domain.reserving import end_ahead, needs

DURATION: Final = "duration"

Room = Mapping[str, int]
"""The most of each amount, and of `duration` in seconds, that there is room for if that alone is
changed; what is absent has no end. What a session has already is never too much."""


def room(terms: Terms, calendar: Calendar, first: int | None = None) -> Room:
    """The room of these terms. `calendar`: without what the session or the offers of its answer
    have booked. `first`: the second from which on a live session would be booked anew; an offer
    is held anew as a whole.

    What its siblings hold does not matter: they exclude each other (B2). Nor does it where too much
    is booked, unless more would be there: an amount can't grow then, but it can be kept for longer.
    """
    whole = needs(terms)
    booked = whole if first is None else _ahead(whole, first)
    found = free_of(booked, calendar) | longest(terms, whole, calendar, first)
    if terms.is_alternative:
        return least(found, room_of_share(terms, whole, calendar))
    return found


def room_of_share(terms: Terms, whole: Iterable[Stretch], calendar: Calendar) -> dict[str, int]:
    """The room that its share has for an alternative, which needs this in all."""
    found: dict[str, int] = {}
    longer = None
    for name, start, end, amount in whole:
        shared = of_alternatives(name)
        found[name] = calendar.free(shared, start, end)
        until = calendar.free_until(shared, amount, end) if amount else None
        if until is not None and (longer is None or until - end < longer):
            longer = until - end
    return found if longer is None else {**found, DURATION: terms.duration + longer}


def least(one: Room, other: Room) -> dict[str, int]:
    """What there is room for in both; what is absent has no end."""
    found = dict(one)
    for name, amount in other.items():
        if amount < found.get(name, amount + 1):
            found[name] = amount
    return found


def free_of(booked: Iterable[Stretch], calendar: Calendar) -> dict[str, int]:
    """How much of each amount is free for as long as it is booked, however much that is."""
    return {name: calendar.free(name, start, end) for name, start, end, _ in booked}


def longest(
    terms: Terms, booked: Iterable[Stretch], calendar: Calendar, first: int | None = None
) -> dict[str, int]:
    """The longest duration there is room for, if it has an end."""
    longer = []
    for name, _, end, amount in booked:
        if amount:
            until = calendar.free_until(name, amount, end if first is None else max(end, first))
            if until is not None:
                longer.append(until - end)
    return {DURATION: terms.duration + min(longer)} if longer else {}


def _ahead(booked: Iterable[Stretch], first: int) -> list[Stretch]:
    """What is booked instead of this from the second `first` on, as `reserving.ahead` does it."""
    return [
        one._replace(start=max(one.start, first), end=end_ahead(one.end, first)) for one in booked
    ]
