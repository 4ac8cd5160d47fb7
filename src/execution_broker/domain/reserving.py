"""What an offer books, and how accepting one fixes its start."""

from collections.abc import Iterable

import msgspec

from execution_broker.domain.amounts import CORES, MEMORY, OUTPUTS, STORAGE, Booking
from execution_broker.domain.demand import COMPUTE, storage_key
from execution_broker.domain.offer import Terms


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


def ahead(booked: Iterable[Booking], first: int) -> list[Booking]:
    """What of these bookings is still to come: from the second `first` on."""
    return [
        msgspec.structs.replace(one, start=max(one.start, first))
        for one in booked
        if one.end > first
    ]


def fix(terms: Terms, now: int) -> Terms:
    """The terms once accepted at `now`, before the offer expires: the start is fixed (N8).

    What they book lies inside what the offer held.
    """
    start = max(terms.start, now + terms.prepare)
    return msgspec.structs.replace(terms, start=start, latest=start)
