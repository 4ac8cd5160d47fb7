"""Where a decision booked more than there was, from the rows of one amount of one platform.

A sweep over the decisions in their order: no I/O, and nothing of the rules that decide.
"""

import heapq
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Final, NamedTuple

from execution_broker.storage.usage import Usage

_MOST: Final = 100
_STILL: Final = 30
"""Seconds for which what is late is counted at least after a decision, as is promised."""


class Booking(NamedTuple):
    """Counts from `made` until `until`, at the instants of [start, end)."""

    made: datetime
    until: datetime
    expires: datetime
    start: int
    end: int
    amount: int
    ends_with_release: bool


class Excess(NamedTuple):
    decided: datetime
    booked: int
    used: int
    capacity: int


class Ceiling:
    """How much there was, over time; before the first report as much as that told."""

    def __init__(self) -> None:
        self._since: list[datetime] = []
        self._amounts: list[int] = []

    def add(self, since: datetime, amount: int) -> None:
        self._since.append(since)
        self._amounts.append(amount)

    def at(self, instant: datetime) -> int:
        index = max(0, bisect_right(self._since, instant) - 1)
        return self._amounts[index] if self._amounts else 0


def excesses(bookings: Sequence[Booking], ceiling: Ceiling) -> Iterator[Excess]:
    """Where a decision booked more than there was: a sweep over the decisions in their order."""
    usage = Usage(edge for one in bookings for edge in (one.start, one.end))
    live: list[tuple[datetime, int, Booking]] = []
    late = _Late()
    found = 0
    for decided, group in groupby(bookings, key=lambda one: one.made):
        made = [one for one in group if one.until > decided]
        over = []
        while live and live[0][0] <= decided:
            over.append(heapq.heappop(live)[2])
            usage.add(over[-1], -1)
            late.drop(over[-1])
        for one in made:
            usage.add(one, 1)
            late.add(one)
            heapq.heappush(live, (one.until, id(one), one))
        capacity = ceiling.at(decided)
        more = late.at(decided)
        if any(_peak(usage, one, more, decided) > capacity for one in made):
            after = [one for _, _, one in live]
            before = [one for one in (*over, *after) if _counted_before(one, decided)]
            for excess in _grown(made, before, after, decided, capacity):
                yield excess
                found += 1
        if found >= _MOST:
            return


class _Late:
    """How much of what is live is over, and still counts as nobody has been released of it."""

    def __init__(self) -> None:
        self._ends: list[tuple[int, int, Booking]] = []
        self._amounts: dict[int, int] = {}

    def add(self, one: Booking) -> None:
        if one.ends_with_release:
            heapq.heappush(self._ends, (one.end, id(one), one))

    def drop(self, one: Booking) -> None:
        self._amounts.pop(id(one), None)

    def at(self, decided: datetime) -> int:
        while self._ends and self._ends[0][0] <= int(decided.timestamp()):
            one = heapq.heappop(self._ends)[2]
            if one.until > decided:
                self._amounts[id(one)] = one.amount
        return sum(self._amounts.values())


def _counted_before(one: Booking, decided: datetime) -> bool:
    """Whether it still counted when this was decided, and was made earlier."""
    return one.made < decided <= one.until and one.expires > decided


def _peak(usage: Usage, one: Booking, late: int, decided: datetime) -> int:
    """The most that is used while this is booked, when so much was late."""
    most = usage.peak(one)
    if not late:
        return most
    second = int(decided.timestamp())
    soon = one._replace(end=min(one.end, second + _STILL))
    return max(most, usage.peak(soon) + late) if soon.start < soon.end else most


def _grown(
    made: Sequence[Booking],
    before: Sequence[Booking],
    after: Sequence[Booking],
    decided: datetime,
    capacity: int,
) -> Iterator[Excess]:
    """Of the instants at which there is too much, those at which this decision made it more."""
    before = [_as_counted(one, decided) for one in before]
    after = [_as_counted(one, decided) for one in after]
    for instant in sorted({edge for one in (*before, *after) for edge in (one.start, one.end)}):
        used = _at(instant, after)
        if used > capacity and _at(instant, made) and used > _at(instant, before):
            yield Excess(decided, instant, used, capacity)
            return


def _as_counted(one: Booking, decided: datetime) -> Booking:
    """What is late lasts longer."""
    second = int(decided.timestamp())
    if one.ends_with_release and one.end <= second:
        return one._replace(end=second + _STILL)
    return one


def _at(instant: int, bookings: Iterable[Booking]) -> int:
    return sum(one.amount for one in bookings if one.start <= instant < one.end)
