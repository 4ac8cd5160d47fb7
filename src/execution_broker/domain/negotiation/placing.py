"""Finds when: the frame that a session may start in, and the first start with room for it (N5)."""

from functools import partial

import msgspec

from execution_broker.domain.amounts import Booking
from execution_broker.domain.calendar import Calendar
from execution_broker.domain.demand import Demand
from execution_broker.domain.negotiation.bisecting import most_that
from execution_broker.domain.negotiation.site import Rules
from execution_broker.domain.offer import Terms
from execution_broker.domain.reserving import bookings


class Frame(msgspec.Struct, frozen=True):
    """Starts in [first, last]; an offer expires in [soonest, expires]. Whole epoch seconds.

    `first` leaves time to prepare; `last` is the last second of the window; `expires` leaves time
    to accept at the last moment and start at `last`; at `soonest` it was held just long enough.
    """

    first: int
    last: int
    prepare: int
    soonest: int
    expires: int

    @property
    def missing(self) -> int:
        """Seconds that the window closes too early; none of them, or fewer: it does not."""
        return self.soonest - self.expires


class Slot(msgspec.Struct, frozen=True):
    """A start with room, and until when it can be held."""

    start: int
    expires: int


def frame_of(demand: Demand, prepare: int, rules: Rules, now: int) -> Frame:
    last = demand.window_end - 1
    return Frame(
        first=max(demand.window_start, now + prepare),
        last=last,
        prepare=prepare,
        soonest=now + min(rules.least_hold, rules.hold),
        expires=min(now + rules.hold, last - prepare),
    )


def lengthened(frame: Frame) -> Frame:
    """The frame if the window closed just late enough."""
    last = frame.soonest + frame.prepare
    return msgspec.structs.replace(frame, last=last, expires=frame.soonest)


def place(shape: Terms, slot: Slot) -> Terms:
    """The terms at a slot: the start is flexible until the offer expires and is then prepared."""
    latest = max(slot.start, slot.expires + shape.prepare)
    return msgspec.structs.replace(shape, start=slot.start, latest=latest)


def find(calendar: Calendar, shape: Terms, frame: Frame, earliest: int = 0) -> Slot | None:
    """The first slot of the frame, not before `earliest`, where the whole shape fits.

    Held as long as possible; only where there is no room for that, for as long as there is.
    """
    first = max(frame.first, earliest)
    start = calendar.first_fit(first, frame.last, partial(_at, shape, frame.expires))
    if start is not None:
        return Slot(start, frame.expires)
    start = calendar.first_fit(first, frame.last, partial(_at, shape, frame.soonest))
    if start is None:
        return None
    longest = most_that(
        lambda expires: calendar.fits(_at(shape, expires, start)), frame.soonest, frame.expires
    )
    return None if longest is None else Slot(start, longest)


def find_after(calendar: Calendar, shape: Terms, start: int, horizon: int) -> int | None:
    """The first start in [start, start + horizon) where the shape fits with a fixed start."""
    return calendar.first_fit(
        start, start + horizon - 1, lambda at: _at(shape, at - shape.prepare, at)
    )


def _at(shape: Terms, expires: int, start: int) -> list[Booking]:
    return bookings(place(shape, Slot(start, expires)))
