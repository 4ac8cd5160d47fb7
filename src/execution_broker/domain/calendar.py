"""The calendar: how much of a platform is booked at each instant, and where there is room.

Pure and in memory, so that searching costs microseconds; times are whole epoch seconds, intervals
half-open. What is proposed here is checked again in SQL, under the platform's lock (B4).
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Final

from execution_broker.domain.amounts import Amounts, Booking, Stretch, of_alternatives
from execution_broker.domain.timeline import Timeline

_when: Final = attrgetter("start", "end")


class Calendar:
    """The timelines of one platform, one for each amount."""

    def __init__(self, capacity: Amounts, booked: Iterable[Booking] = ()) -> None:
        """`booked`: what is there from the beginning, taken in at once."""
        self.capacity = dict(capacity)
        parts: dict[str, list[tuple[int, int, int]]] = {}
        for name, start, end, amount in (one for booking in booked for one in booking.stretches()):
            parts.setdefault(name, []).append((start, end, amount))
        self._timelines = {name: Timeline(part) for name, part in parts.items()}

    def add(self, booking: Booking) -> None:
        self._book(booking, 1)

    def remove(self, booking: Booking) -> None:
        """Take back a booking that was added with the same amounts and interval."""
        self._book(booking, -1)

    def change(self, stretches: Iterable[Stretch]) -> None:
        """Book stretches; one of a negative amount is taken back."""
        for name, start, end, amount in stretches:
            self._timeline(name).add(start, end, amount)

    def peak(self, name: str, start: int, end: int) -> int:
        timeline = self._timelines.get(name)
        return timeline.peak(start, end) if timeline else 0

    def free(self, name: str, start: int, end: int) -> int:
        """How much is free at every instant of [start, end); negative where too much is booked."""
        return self.capacity.get(name, 0) - self.peak(name, start, end)

    def free_ever(self, name: str) -> int:
        """How much is free at every instant, of those that nobody forgot."""
        timeline = self._timelines.get(name)
        return self.capacity.get(name, 0) - (timeline.top() if timeline else 0)

    def free_until(self, name: str, amount: int, start: int) -> int | None:
        """The first instant from `start` on at which less than `amount` is free, if any."""
        level = self.capacity.get(name, 0) - amount
        if level < 0:
            return start
        timeline = self._timelines.get(name)
        return timeline.first_above(start, level) if timeline else None

    def overcommitted(self, start: int) -> list[Stretch]:
        """Every stretch from `start` on over which more is booked than there is: by how much at the
        most (B7). The earliest first."""
        found = []
        for name, timeline in self._timelines.items():
            capacity = self.capacity.get(name, 0)
            found += [
                Stretch(name, first, end, most - capacity)
                for first, end, most in timeline.above(start, capacity)
            ]
        return sorted(found, key=attrgetter("start", "name"))

    def fits(self, bookings: Iterable[Booking]) -> bool:
        return self.conflict(bookings) is None

    def conflict(self, bookings: Iterable[Booking]) -> tuple[str, int] | None:
        """The amount that is short, as `shortage` tells it."""
        return self.shortage(stretches(bookings))

    def shortage(self, wanted: Iterable[Stretch]) -> tuple[str, int] | None:
        """The amount that is short and by how many seconds all must move to pass it: -1 where
        there is less in all than is wanted. Nothing wanted is never short. Stretches of one amount
        lie apart."""
        worst: tuple[str, int] | None = None
        for name, start, end, amount in wanted:
            if not amount:
                continue
            level = self.capacity.get(name, 0) - amount
            if level < 0:
                return name, -1
            timeline = self._timelines.get(name)
            until = timeline.last_above(start, end, level) if timeline else None
            if until is not None and (worst is None or until - start > worst[1]):
                worst = name, until - start
        return worst

    def first_fit(
        self, earliest: int, last: int, wanted_at: Callable[[int], Iterable[Stretch]]
    ) -> int | None:
        """The first start in [earliest, last] at which all of `wanted_at(start)` fit.

        Exact: no feasible start is passed over as long as every stretch begins at a fixed
        distance from the start and none ends earlier for a later start.
        """
        start = earliest
        while start <= last:
            found = self.shortage(wanted_at(start))
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

    def _book(self, booking: Booking, sign: int) -> None:
        start, end, since = booking.start, booking.end, booking.shared_from
        for name, amount in booking.amounts.items():
            self._timeline(name).add(start, end, sign * amount)
            if since is not None:
                self._timeline(of_alternatives(name)).add(since, end, sign * amount)

    def _timeline(self, name: str) -> Timeline:
        found = self._timelines.get(name)
        if found is None:
            found = self._timelines[name] = Timeline()
        return found


def envelope(offers: Iterable[Iterable[Stretch]]) -> list[Booking]:
    """At each instant the most that any one of the offers needs (B2): they exclude each other.
    Bookings of one amount each, the earliest first."""
    by_name: dict[str, list[Stretch]] = {}
    for offer in offers:
        for one in offer:
            if one.amount and one.start < one.end:
                by_name.setdefault(one.name, []).append(one)
    found = [one for parts in by_name.values() for one in most(parts)]
    return [Booking({one.name: one.amount}, one.start, one.end) for one in sorted(found, key=_when)]


def stretches(bookings: Iterable[Booking]) -> list[Stretch]:
    """What bookings need of each amount: stretches of one amount lie apart."""
    totals: dict[tuple[str, int, int], int] = {}
    for booking in bookings:
        for name, start, end, amount in booking.stretches():
            key = name, start, end
            totals[key] = totals.get(key, 0) + amount
    by_name: dict[str, list[Stretch]] = {}
    for (name, start, end), amount in totals.items():
        by_name.setdefault(name, []).append(Stretch(name, start, end, amount))
    return [
        one
        for parts in by_name.values()
        for one in (parts if _lie_apart(parts) else _combined(parts, sum))
    ]


def growth(before: Iterable[Booking], after: Iterable[Booking]) -> list[Stretch]:
    """What is needed more after a change than before it: stretches of one amount lie apart."""
    less = [one._replace(amount=-one.amount) for one in stretches(before)]
    by_name: dict[str, list[Stretch]] = {}
    for one in (*less, *stretches(after)):
        by_name.setdefault(one.name, []).append(one)
    return [one for parts in by_name.values() for one in _combined(parts, sum) if one.amount > 0]


def _lie_apart(parts: Sequence[Stretch]) -> bool:
    """Whether each begins when the one before it is over."""
    return all(one.end <= other.start for one, other in itertools.pairwise(parts))


def most(parts: Sequence[Stretch]) -> list[Stretch]:
    """The most of one amount at each instant, in stretches that lie apart, the earliest first. As
    offers mostly differ in when they are alone, they are joined."""
    if any(one.amount != parts[0].amount for one in parts):
        return _combined(parts, max)
    found: list[Stretch] = []
    for one in sorted(parts, key=_when):
        if not found or one.start > found[-1].end:
            found.append(one)
        elif one.end > found[-1].end:
            found[-1] = found[-1]._replace(end=one.end)
    return found


def _combined(parts: Sequence[Stretch], combine: Callable[[list[int]], int]) -> list[Stretch]:
    """Stretches of one amount cut at all their edges, with what those at each instant come to;
    neighbours that are the same are one."""
    cuts = sorted({edge for one in parts for edge in (one.start, one.end)})
    found: list[Stretch] = []
    for start, end in itertools.pairwise(cuts):
        here = [amount for _, begin, until, amount in parts if begin <= start < until]
        if not here:
            continue
        amount = combine(here)
        if found and found[-1].end == start and found[-1].amount == amount:
            found[-1] = found[-1]._replace(end=end)
        else:
            found.append(Stretch(parts[0].name, start, end, amount))
    return found
