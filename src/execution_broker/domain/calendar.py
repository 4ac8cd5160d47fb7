"""The calendar: how much of a platform is booked at each instant, and where there is room.

Pure and in memory, so that searching costs microseconds; times are whole epoch seconds, intervals
half-open. What is proposed here is checked again in SQL, under the platform's lock (B4).
"""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence

from execution_broker.domain.amounts import Amounts, Booking
from execution_broker.domain.timeline import Timeline


class Calendar:
    """The timelines of one platform, one for each amount."""

    def __init__(self, capacity: Amounts, booked: Iterable[Booking] = ()) -> None:
        """`booked`: what is there from the beginning, taken in at once."""
        self.capacity = dict(capacity)
        parts: dict[str, list[tuple[int, int, int]]] = {}
        for booking in booked:
            for name, amount in booking.amounts.items():
                parts.setdefault(name, []).append((booking.start, booking.end, amount))
        self._timelines = {name: Timeline(part) for name, part in parts.items()}

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

    def free(self, name: str, start: int, end: int) -> int:
        """How much is free at every instant of [start, end); negative where too much is booked."""
        return self.capacity.get(name, 0) - self.peak(name, start, end)

    def free_until(self, name: str, amount: int, start: int) -> int | None:
        """The first instant from `start` on at which less than `amount` is free, if any."""
        level = self.capacity.get(name, 0) - amount
        if level < 0:
            return start
        timeline = self._timelines.get(name)
        return timeline.first_above(start, level) if timeline else None

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
    spans = [(min(b.start for b in o), max(b.end for b in o), o) for o in offers if o]
    segments: list[Booking] = []
    for start, end in itertools.pairwise(cuts):
        most: dict[str, int] = {}
        for first, last, offer in spans:
            if not first <= start < last:
                continue
            for name, amount in _sum_at(offer, start).items():
                if amount > most.get(name, 0):
                    most[name] = amount
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
    """The amounts to check together: those of one interval added up, and where bookings of one
    amount overlap otherwise, each stretch between their edges."""
    totals: dict[tuple[str, int, int], int] = {}
    for booking in bookings:
        for name, amount in booking.amounts.items():
            if amount:
                key = name, booking.start, booking.end
                totals[key] = totals.get(key, 0) + amount
    if len({name for name, _, _ in totals}) == len(totals):
        return totals
    merged = envelope([[Booking({n: amount}, s, e) for (n, s, e), amount in totals.items()]])
    return {
        (name, booking.start, booking.end): amount
        for booking in merged
        for name, amount in booking.amounts.items()
    }
