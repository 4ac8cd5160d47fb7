"""How much is booked at any instant, while bookings come and go: for the audit alone."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import Protocol


class Booked(Protocol):
    """An amount at the instants of [start, end)."""

    @property
    def start(self) -> int: ...

    @property
    def end(self) -> int: ...

    @property
    def amount(self) -> int: ...


class Usage:
    """How much is booked between any two edges: a tree over them that adds to a range, and tells
    the most of a range, in the logarithm of their number."""

    def __init__(self, edges: Iterable[int]) -> None:
        self._edges = sorted(set(edges))
        self._size = max(1, len(self._edges))
        self._most = [0] * (2 * self._size)
        self._added = [0] * self._size

    def add(self, booking: Booked, sign: int) -> None:
        first, last = self._range(booking)
        left, right, amount = first, last, sign * booking.amount
        while left < right:
            if left & 1:
                self._apply(left, amount)
                left += 1
            if right & 1:
                right -= 1
                self._apply(right, amount)
            left >>= 1
            right >>= 1
        self._rebuild(first)
        self._rebuild(last - 1)

    def peak(self, booking: Booked) -> int:
        left, right = self._range(booking)
        self._push(left)
        self._push(right - 1)
        most = 0
        while left < right:
            if left & 1:
                most = max(most, self._most[left])
                left += 1
            if right & 1:
                right -= 1
                most = max(most, self._most[right])
            left >>= 1
            right >>= 1
        return most

    def _range(self, booking: Booked) -> tuple[int, int]:
        first = max(0, bisect_right(self._edges, booking.start) - 1)
        return first + self._size, bisect_left(self._edges, booking.end) + self._size

    def _apply(self, node: int, amount: int) -> None:
        self._most[node] += amount
        if node < self._size:
            self._added[node] += amount

    def _rebuild(self, node: int) -> None:
        while node > 1:
            node >>= 1
            self._most[node] = (
                max(self._most[2 * node], self._most[2 * node + 1]) + self._added[node]
            )

    def _push(self, leaf: int) -> None:
        for height in range(leaf.bit_length() - 1, 0, -1):
            node = leaf >> height
            if self._added[node]:
                self._apply(2 * node, self._added[node])
                self._apply(2 * node + 1, self._added[node])
                self._added[node] = 0
