"""An earlier start that is only held by unanswered offers: what it waits for.

One's own can be rejected at once. Those of others lapse, and such a start is told as it can be had
then. Whose they are, nobody else is told.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from operator import attrgetter

from execution_broker.domain.amounts import Stretch
from execution_broker.domain.calendar import Calendar
from execution_broker.domain.negotiation.framing import frame_of
from execution_broker.domain.negotiation.judging import Opening
from execution_broker.domain.negotiation.placing import Search
from execution_broker.domain.negotiation.site import Hold, Rules
from execution_broker.domain.offer import Awaited
from execution_broker.domain.reserving import stretches_at


def awaited(openings: Iterable[Opening], before: int | None, rules: Rules) -> Awaited | None:
    """The earliest start that is held, where it is before the one that can be had (None: none)."""
    found = [one for opening in openings if (one := _awaited(opening, before, rules))]
    return min(found, key=lambda one: (one.start, one.until), default=None)


def _awaited(opening: Opening, before: int | None, rules: Rules) -> Awaited | None:
    unanswered, frame = opening.trial.site.unanswered, opening.frame
    if unanswered is None or (before is not None and before <= frame.first):
        return None
    trial = opening.trial.on(unanswered.rest)
    free = Search(trial, opening.shape, opening.bounds, frame).first_from(frame.first)
    if free is None or (before is not None and free.start >= before):
        return None
    needed = stretches_at(opening.search.needed, free.start, free.latest(opening.shape))
    holds = sorted(unanswered.holds(), key=attrgetter("expires"))
    lapsed = _lapsed(opening, holds, needed, rules)
    if lapsed is None:
        return None
    until, start = lapsed
    calendar = opening.trial.site.calendar
    mine = [one for one in holds if one.is_own]
    with _without(calendar, mine):
        is_mine = calendar.shortage(needed) is None
    if is_mine:
        start = free.start
    if start is None or (before is not None and start >= before):
        return None
    own = frozenset(one.offerset for one in mine if _is_in_the_way(one, needed))
    return Awaited(
        platform=opening.trial.site.name,
        start=start,
        until=until,
        own=own,
        by_others=not is_mine,
    )


def _lapsed(
    opening: Opening, holds: Sequence[Hold], needed: Sequence[Stretch], rules: Rules
) -> tuple[int, int | None] | None:
    """When so many have lapsed that there is room for this, and the first start there is then, if
    it is in the window; None where there is none, as more is booked than these hold."""
    calendar = opening.trial.site.calendar
    gone: list[Hold] = []
    try:
        for until, lapsing in groupby(holds, key=attrgetter("expires")):
            for one in lapsing:
                calendar.remove(one.booking)
                gone.append(one)
            if calendar.shortage(needed) is None:
                return until, _first_at(opening, until, rules)
        return None
    finally:
        for one in gone:
            calendar.add(one.booking)


def _first_at(opening: Opening, now: int, rules: Rules) -> int | None:
    """The first start for who asks at that time."""
    frame = frame_of(opening.demand, opening.frame.prepare, rules, now)
    if frame.missing > 0:
        return None
    slot = Search(opening.trial, opening.shape, opening.bounds, frame).first_from(frame.first)
    return None if slot is None else slot.start


@contextmanager
def _without(calendar: Calendar, holds: Sequence[Hold]) -> Iterator[None]:
    for one in holds:
        calendar.remove(one.booking)
    try:
        yield
    finally:
        for one in holds:
            calendar.add(one.booking)


def _is_in_the_way(hold: Hold, needed: Sequence[Stretch]) -> bool:
    booked = hold.booking
    return any(
        one.name in booked.amounts and booked.start < one.end and one.start < booked.end
        for one in needed
    )
