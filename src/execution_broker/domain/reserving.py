"""What an offer books, and how accepting one fixes its start."""

from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from execution_broker.domain.amounts import CORES, MEMORY, OUTPUTS, STORAGE, Booking, Stretch
from execution_broker.domain.demand import COMPUTE, storage_key
from execution_broker.domain.offer import Terms

STILL: Final = 30
"""Seconds for which what is late counts at least after any decision."""
_LEAST_LATE: Final = 2 * STILL
_MOST_LATE: Final = 3600
"""Seconds for which it counts after a look at it; the next look is when half of that is over."""


def bookings(terms: Terms) -> list[Booking]:
    """What these terms book, wherever in [start, latest] the session starts (B6).

    Compute from its own preparation to its release; storage from the start of preparation to the
    end of release; outputs from the start until their retention is over.
    """
    end = terms.latest + terms.duration
    released = end + terms.release
    compute = {CORES: terms.cores, MEMORY: terms.memory, **terms.amounts}
    booked = [
        Booking(compute, terms.start - terms.compute_prepare, end + terms.compute_release, COMPUTE)
    ]
    for index, size in enumerate(terms.storage):
        begin = terms.start - terms.prepare
        booked.append(Booking({STORAGE: size}, begin, released, storage_key(index)))
    if terms.outputs:
        until = released + terms.retention
        booked.append(Booking({OUTPUTS: terms.outputs}, terms.start, until, OUTPUTS))
    return booked


class Footprint(NamedTuple):
    """What terms book of one amount in all, wherever they are: from `before` seconds before the
    start until `after` seconds after the latest one."""

    name: str
    amount: int
    before: int
    after: int


def footprints(terms: Terms) -> tuple[Footprint, ...]:
    """What `bookings` books, added up: each amount has one interval."""
    before, after = terms.compute_prepare, terms.duration + terms.compute_release
    compute = {CORES: terms.cores, MEMORY: terms.memory, **terms.amounts}
    found = [Footprint(name, amount, before, after) for name, amount in compute.items()]
    released = terms.duration + terms.release
    if terms.storage:
        found.append(Footprint(STORAGE, sum(terms.storage), terms.prepare, released))
    if terms.outputs:
        found.append(Footprint(OUTPUTS, terms.outputs, 0, released + terms.retention))
    return tuple(found)


def stretches_at(needed: Iterable[Footprint], start: int, latest: int) -> list[Stretch]:
    """What is needed for a session that starts somewhere in [start, latest]."""
    return [
        Stretch(name, start - before, latest + after, amount)
        for name, amount, before, after in needed
    ]


def needs(terms: Terms) -> list[Stretch]:
    """What these terms need in all, as `bookings` books it."""
    return stretches_at(footprints(terms), terms.start, terms.latest)


def ahead(booked: Iterable[Booking], first: int) -> list[Booking]:
    """What is booked instead of these from the second `first` on. What should be over by then is
    still there: it is booked for as long as it counts anyway, and late again after that."""
    return [
        msgspec.structs.replace(one, start=max(one.start, first), end=end_ahead(one.end, first))
        for one in booked
    ]


def end_ahead(end: int, first: int) -> int:
    """Until when something is booked anew from `first` on that was to end at `end`."""
    return end if end > first else first + STILL


def booked_until(end: int, second: int) -> int:
    """Until when a booking counts at `second` that was to end at `end` and is not released (B6).

    How late it will be, nobody knows: for as long again as it is late by now, a minute at least;
    and never for more than an hour from now, so that it is in nobody's way who comes later.
    """
    if second < end:
        return end
    return second + min(max(second - end, _LEAST_LATE), _MOST_LATE)


def counting(booking: Booking, second: int) -> Booking:
    """A booking that lasts until its session is released, as it counts at `second`."""
    return msgspec.structs.replace(booking, end=booked_until(booking.end, second))


def fix(terms: Terms, now: int) -> Terms:
    """The terms once accepted at `now`, before the offer expires: the start is fixed (N8), but for
    how early it may be.

    What they book lies inside what the offer held.
    """
    start = max(terms.start, now + terms.prepare)
    return msgspec.structs.replace(terms, start=start, latest=start, is_alternative=False)


def head(terms: Terms, first: int) -> list[Booking]:
    """What is not booked yet of what these terms need to start at the second `first` instead."""
    return [
        msgspec.structs.replace(one, start=first, end=one.start)
        for one in bookings(terms)
        if one.start > first
    ]


def advance(terms: Terms, first: int) -> Terms:
    """The terms of a session that is ready and starts within the second `first`, before its planned
    start. Its end comes earlier by as much, and its time is none the shorter."""
    latest = first + 1
    return msgspec.structs.replace(
        terms,
        start=first,
        latest=latest,
        early=0,
        advanced=terms.advanced + terms.latest - latest,
    )


def postpone(terms: Terms, first: int) -> Terms:
    """The terms of a session that has started within the second `first`, after its planned start.
    Its end comes later by as much, so that its time is none the shorter."""
    latest = max(first + 1, terms.latest)
    advanced = terms.advanced + terms.latest - latest
    return msgspec.structs.replace(terms, start=first, latest=latest, early=0, advanced=advanced)


def tail(terms: Terms, moved: Terms) -> list[Booking]:
    """What is not booked yet of what the terms need that have moved to a later time."""
    until = {one.component: one.end for one in bookings(terms)}
    return [
        msgspec.structs.replace(one, start=until[one.component])
        for one in bookings(moved)
        if one.end > until[one.component]
    ]
