"""A timeline: how much of one amount is booked over time, however many bookings there are.

Pure and in memory. The step function is cut into blocks that know their highest step, so that a
search passes over a block at a glance and a booking raises a block it covers in one addition.
"""

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import Final

_BLOCK: Final = 64


class Timeline:
    """A step function over whole seconds that bookings add to; zero before its first step."""

    def __init__(self, booked: Iterable[tuple[int, int, int]] = ()) -> None:
        """`booked`: (start, end, amount) of bookings that are there from the beginning."""
        self._blocks = _blocks_of(booked)
        self._firsts = [block.instants[0] for block in self._blocks]
        self._top: int | None = None

    def add(self, start: int, end: int, amount: int) -> None:
        """Book `amount` over [start, end); a negative amount takes a booking back."""
        if start >= end or not amount:
            return
        self._top = None
        first, low = self._cut(start)
        blocks = len(self._blocks)
        last, high = self._cut(end)
        if len(self._blocks) != blocks:
            first, low = self._find(start)
        if first == last:
            self._blocks[first].raise_part(low, high, amount)
        else:
            self._blocks[first].raise_part(low, None, amount)
            for block in self._blocks[first + 1 : last]:
                block.raised += amount
            self._blocks[last].raise_part(0, high, amount)
        self._join(last, high)
        self._join(first, low)

    def peak(self, start: int, end: int) -> int:
        """The most that is booked at any instant of [start, end)."""
        first, low = self._find(start)
        most = 0
        for index in range(max(first, 0), bisect_left(self._firsts, end, first + 1)):
            block = self._blocks[index]
            if block.most + block.raised > most:
                part = block.used[low if index == first else 0 : bisect_left(block.instants, end)]
                most = max(most, block.raised + max(part, default=-block.raised))
        return most

    def top(self) -> int:
        """The most that is booked at any instant. Found once for all who ask before the next
        change."""
        if self._top is None:
            self._top = max([block.most + block.raised for block in self._blocks], default=0)
        return self._top

    def last_above(self, start: int, end: int, level: int) -> int | None:
        """The end of the last stretch in [start, end) that has more than `level` booked."""
        blocks, firsts = self._blocks, self._firsts
        first = bisect_right(firsts, start) - 1
        last = bisect_left(firsts, end, first + 1) - 1
        for index in range(last, max(first, 0) - 1, -1):
            block = blocks[index]
            limit = level - block.raised
            if block.most <= limit:
                continue
            used = block.used
            begin = bisect_right(block.instants, start) - 1 if index == first else 0
            stop = bisect_left(block.instants, end) if index == last else len(used)
            for place in range(stop - 1, begin - 1, -1):
                if used[place] > limit:
                    return self._after(index, place, end)
        return None

    def first_above(self, start: int, level: int) -> int | None:
        """The first instant from `start` on that has more than `level` booked."""
        if self.top() <= level:
            return None
        first, low = self._find(start)
        for index in range(max(first, 0), len(self._blocks)):
            block = self._blocks[index]
            limit = level - block.raised
            if block.most <= limit:
                continue
            for place in range(low if index == first else 0, len(block.used)):
                if block.used[place] > limit:
                    return max(start, block.instants[place])
        return None

    def above(self, start: int, level: int) -> list[tuple[int, int, int]]:
        """Every stretch from `start` on with more than `level` booked: its start, its end, and the
        most that is booked there. `level` is not negative."""
        found: list[tuple[int, int, int]] = []
        first, low = self._find(start)
        for index in range(max(first, 0), len(self._blocks)):
            block = self._blocks[index]
            if block.most + block.raised <= level:
                continue
            for place in range(low if index == first else 0, len(block.used)):
                used = block.used[place] + block.raised
                if used > level:
                    begin = max(start, block.instants[place])
                    end = self._after(index, place, begin)
                    if found and found[-1][1] == begin:
                        begin, _, before = found.pop()
                        used = max(used, before)
                    found.append((begin, end, used))
        return found

    def forget_before(self, instant: int) -> None:
        """Drop what lies wholly before `instant`."""
        index, place = self._find(instant)
        if index < 0:
            return
        self._top = None
        del self._blocks[:index], self._firsts[:index]
        self._blocks[0].drop_before(place)
        self._firsts[0] = self._blocks[0].instants[0]

    def _find(self, instant: int) -> tuple[int, int]:
        """The block and the place in it of the step that `instant` is on; (-1, 0) before all."""
        index = bisect_right(self._firsts, instant) - 1
        if index < 0:
            return -1, 0
        return index, bisect_right(self._blocks[index].instants, instant) - 1

    def _cut(self, instant: int) -> tuple[int, int]:
        """Let a step begin at `instant`, as high as the one it was on; where that step is."""
        index, place = self._find(instant)
        if index < 0:
            return self._insert(0, 0, instant, None)
        block = self._blocks[index]
        if block.instants[place] == instant:
            return index, place
        return self._insert(index, place + 1, instant, block.used[place])

    def _insert(self, index: int, place: int, instant: int, used: int | None) -> tuple[int, int]:
        if not self._blocks:
            self._blocks.append(_Block([instant], [0]))
            self._firsts.append(instant)
            return 0, 0
        block = self._blocks[index]
        height = -block.raised if used is None else used
        block.instants.insert(place, instant)
        block.used.insert(place, height)
        block.most = max(block.most, height)
        self._firsts[index] = block.instants[0]
        if len(block.instants) <= 2 * _BLOCK:
            return index, place
        rest = block.split()
        self._blocks.insert(index + 1, rest)
        self._firsts.insert(index + 1, rest.instants[0])
        return self._find(instant)

    def _join(self, index: int, place: int) -> None:
        """Drop a step that is as high as the one before it."""
        block = self._blocks[index]
        if place > 0:
            before = block.used[place - 1]
        elif index > 0:
            earlier = self._blocks[index - 1]
            before = earlier.used[-1] + earlier.raised - block.raised
        else:
            before = -block.raised
        if block.used[place] != before:
            return
        height = block.used[place]
        del block.instants[place], block.used[place]
        if block.instants:
            self._firsts[index] = block.instants[0]
            if height == block.most:
                block.most = max(block.used)
        else:
            del self._blocks[index], self._firsts[index]

    def _after(self, index: int, place: int, end: int) -> int:
        """When the step after this one begins; `end` where there is none."""
        instants = self._blocks[index].instants
        if place + 1 < len(instants):
            return instants[place + 1]
        return self._firsts[index + 1] if index + 1 < len(self._firsts) else end


class _Block:
    """Some steps in a row. The height of a step is `used` + `raised`; `most` is that of `used`."""

    __slots__ = ("instants", "most", "raised", "used")

    def __init__(self, instants: list[int], used: list[int]) -> None:
        self.instants = instants
        self.used = used
        self.raised = 0
        self.most = max(used)

    def raise_part(self, low: int, high: int | None, amount: int) -> None:
        self.used[low:high] = [used + amount for used in self.used[low:high]]
        self.most = max(self.used)

    def drop_before(self, place: int) -> None:
        del self.instants[:place], self.used[:place]
        self.most = max(self.used)

    def split(self) -> "_Block":
        """Keep the first half; the other."""
        half = len(self.instants) // 2
        other = _Block(self.instants[half:], self.used[half:])
        other.raised = self.raised
        del self.instants[half:], self.used[half:]
        self.most = max(self.used)
        return other


def _blocks_of(booked: Iterable[tuple[int, int, int]]) -> list[_Block]:
    changes: dict[int, int] = {}
    for start, end, amount in booked:
        if start < end:
            changes[start] = changes.get(start, 0) + amount
            changes[end] = changes.get(end, 0) - amount
    instants = sorted(instant for instant, change in changes.items() if change)
    heights = list(itertools.accumulate(changes[instant] for instant in instants))
    return [
        _Block(instants[i : i + _BLOCK], heights[i : i + _BLOCK])
        for i in range(0, len(instants), _BLOCK)
    ]
