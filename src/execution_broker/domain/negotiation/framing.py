"""The frame that a session may start in, and slots: starts, and how long they are held (N5)."""

import msgspec

from execution_broker.domain.demand import Demand
from execution_broker.domain.hours import DAY, turns
from execution_broker.domain.negotiation.site import Rules
from execution_broker.domain.offer import Terms


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

    def terms(self, shape: Terms) -> Terms:
        """The shape here: the start is flexible until the offer expires and is then prepared."""
        return msgspec.structs.replace(shape, start=self.start, latest=self.latest(shape))

    def latest(self, shape: Terms) -> int:
        """The last start that is promised for this shape here."""
        return max(self.start, self.expires + shape.prepare)


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


def turning_slots(shape: Terms, frame: Frame, expires: int, days: int = 1) -> list[Slot]:
    """Slots held until `expires`, at one of which a price that changes by the hour is least.

    Prices are the same every day; more `days` tell where else the least of them is.
    """
    edge = max(frame.first, expires + frame.prepare)
    last = min(frame.last, edge + days * DAY)
    starts = {frame.first, min(edge, last), last, *turns(shape.duration, frame.first, last)}
    return [Slot(start, expires) for start in sorted(starts)]
