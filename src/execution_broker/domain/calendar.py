"""The calendar: how much of a platform is booked at each instant, and where there is room.

Pure and in memory, so that searching costs microseconds; times are whole epoch seconds, intervals
half-open. What is proposed here is checked again in SQL, under the platform's lock (B4).
"""

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence

from execution_broker.domain.amounts import Amounts, Booking


class Timeline:
    """How much of one amount is booked over time: a step function that bookings add to."""

    def __init__(self) -> None:
        self._instants: list[int] = []
        self._used: list[int] = []

    def add(self, start: int, end: int, amount: int) -> None:
        """Book `amount` over [start, end); a negative amount takes a booking back."""
        if start >= end or not amount:
            return
        first, last = self._cut(start), self._cut(end)
        for index in range(first, last):
            self._used[index] += amount

    def peak(self, start: int, end: int) -> int:
        """The most that is booked at any instant of [start, end)."""
        first = max(0, bisect_right(self._instants, start) - 1)
        last = bisect_left(self._instants, end)
        used = self._used[first:last]
        if not used or self._instants[first] > start:
            used = [0, *used]
        return max(used)

    def last_above(self, start: int, end: int, level: int) -> int | None:
        """The end of the last stretch in [start, end) that has more than `level` booked."""
        for index in range(bisect_left(self._instants, end) - 1, -1, -1):
            until = self._instants[index + 1] if index + 1 < len(self._instants) else end
            if until <= start:
                return None
            if self._used[index] > level:
                return until
        return None

    def forget_before(self, instant: int) -> None:
        """Drop what lies wholly before `instant`."""
        index = bisect_right(self._instants, instant) - 1
        if index > 0:
            del self._instants[:index], self._used[:index]

    def _cut(self, instant: int) -> int:
        index = bisect_left(self._instants, instant)
        if index == len(self._instants) or self._instants[index] != instant:
            self._used.insert(index, self._used[index - 1] if index else 0)
            self._instants.insert(index, instant)
        return index


class Calendar:
    """The timelines of one platform, one for each amount."""

    def __init__(self, capacity: Amounts) -> None:
        self.capacity = dict(capacity)
        self._timelines: dict[str, Timeline] = {}

    def add(self, booking: Booking) -> None:
        for name, amount in booking.amounts.items():
            self._timelines.setdefault(name, Timeline()).add(booking.start, booking.end, amount)

    def remove(self, booking: Booking) -> None:
        """Take back a booking that was added with the same amounts and interval."""
        for name, amount in booking.amounts.items():
            self._timelines[name].add(booking.start, booking.end, -amount)

    def peak(self, name: str, start: int, end: int) -> int:
        timeline = self._timelines.get(name)
        return timeline.peak(start, end) if timeline else 0

    def fits(self, bookings: Iterable[Booking]) -> bool:
        return self.conflict(bookings) is None

    def conflict(self, bookings: Iterable[Booking]) -> tuple[str, int] | None:
        """The amount that is short and by how many seconds all must move to pass it: -1 where
        there is less in all than is wanted. Nothing wanted is never short."""
        worst: tuple[str, int] | None = None
        for (name, start, end), amount in _totals(bookings).items():
            level = self.capacity.get(name, 0) - amount
            if level < 0:
                return name, -1
            timeline = self._timelines.get(name)
            until = timeline.last_above(start, end, level) if timeline else None
            if until is not None and (worst is None or until - start > worst[1]):
                worst = name, until - start
        return worst

    def first_fit(
        self, earliest: int, last: int, bookings_at: Callable[[int], Sequence[Booking]]
    ) -> int | None:
        """The first start in [earliest, last] at which all of `bookings_at(start)` fit.

        Exact: no feasible start is passed over as long as every booking begins at a fixed
        distance from the start and none ends earlier for a later start.
        """
        start = earliest
        while start <= last:
            found = self.conflict(bookings_at(start))
            if found is None:
                return start
            _, shift = found
            if shift < 0:
                return None
            start += shift
        return None

    def forget_before(self, instant: int) -> None:
        for timeline in self._timelines.values():
            timeline.forget_before(instant)


def envelope(offers: Sequence[Sequence[Booking]]) -> list[Booking]:
    """At each instant the most that any one of the offers books (B2): they exclude each other."""
    cuts = sorted({edge for offer in offers for b in offer for edge in (b.start, b.end)})
    segments: list[Booking] = []
    for start, end in itertools.pairwise(cuts):
        most: dict[str, int] = {}
        for offer in offers:
            for name, amount in _sum_at(offer, start).items():
                most[name] = max(most.get(name, 0), amount)
        if not most:
            continue
        if segments and segments[-1].end == start and segments[-1].amounts == most:
            segments[-1] = Booking(most, segments[-1].start, end)
        else:
            segments.append(Booking(most, start, end))
    return segments


def _sum_at(bookings: Iterable[Booking], instant: int) -> Mapping[str, int]:
    total: dict[str, int] = {}
    for booking in bookings:
        if booking.start <= instant < booking.end:
            for name, amount in booking.amounts.items():
                total[name] = total.get(name, 0) + amount
    return total


def _totals(bookings: Iterable[Booking]) -> Mapping[tuple[str, int, int], int]:
    """The amounts to check together: each stretch between the edges of the bookings."""
    merged = envelope([list(bookings)])
    return {
        (name, booking.start, booking.end): amount
        for booking in merged
        for name, amount in booking.amounts.items()
        if amount
    }
