"""How much a session could have instead of what it has: what is free where it is booked."""

from collections.abc import Mapping
from typing import Final

from execution_broker.domain.calendar import Calendar
from execution_broker.domain.demand import COMPUTE
from execution_broker.domain.offer import Terms
from execution_broker.domain.reserving import ahead, bookings

DURATION: Final = "duration"

Room = Mapping[str, int]
"""The most of each amount, and of `duration` in seconds, that there is room for if that alone is
changed; what is absent has no end. What a session has already is never too much."""


def room(terms: Terms, calendar: Calendar, first: int | None = None) -> Room:
    """The room of these terms. `calendar`: without what the session or the offers of its answer
    have booked. `first`: the second from which on a live session would be booked anew; an offer
    is held anew as a whole.

    What its siblings hold does not matter: they exclude each other (B2), and their hold has room.
    """
    whole = bookings(terms)
    booked = whole if first is None else ahead(whole, first)
    if not calendar.fits(booked):
        return no_room(terms)
    most = {
        name: calendar.free(name, one.start, one.end)
        for one in booked
        if one.component == COMPUTE
        for name in one.amounts
    }
    wanted: dict[tuple[str, int], int] = {}
    for one in whole:
        for name, amount in one.amounts.items():
            if amount:
                wanted[name, one.end] = wanted.get((name, one.end), 0) + amount
    longer = []
    for (name, end), amount in wanted.items():
        until = calendar.free_until(name, amount, end if first is None else max(end, first))
        if until is not None:
            longer.append(until - end)
    return most | {DURATION: terms.duration + min(longer)} if longer else most


def no_room(terms: Terms) -> Room:
    """Nothing may become more: there is too much booked already."""
    return {DURATION: 0, **{name: 0 for one in bookings(terms) for name in one.amounts}}
