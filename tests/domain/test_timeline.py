"""The timeline against a plain list of heights, with enough steps for many blocks."""

from itertools import groupby
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from execution_broker.domain.timeline import Timeline
from tests.domain.builders import EXAMPLES

END = 3000


class Heights:
    """The height at every second."""

    def __init__(self) -> None:
        self.at = [0] * END

    def add(self, start: int, end: int, amount: int) -> None:
        for second in range(start, end):
            self.at[second] += amount

    def last_above(self, start: int, end: int, level: int) -> int | None:
        above = [second for second in range(start, end) if self.at[second] > level]
        if not above:
            return None
        until = above[-1] + 1
        while until < END and self.at[until] == self.at[above[-1]]:
            until += 1
        return until

    def first_above(self, start: int, level: int) -> int | None:
        return next((second for second in range(start, END) if self.at[second] > level), None)

    def above(self, start: int, level: int) -> list[tuple[int, int, int]]:
        stretches = groupby(range(start, END), lambda second: self.at[second] > level)
        found = [list(seconds) for is_above, seconds in stretches if is_above]
        return [(one[0], one[-1] + 1, max(self.at[second] for second in one)) for one in found]


def many(draw: Any, number: int) -> list[tuple[int, int, int]]:
    random = draw(st.randoms(use_true_random=False))
    found = []
    for _ in range(number):
        start = random.randrange(END - 600)
        length = random.choice([1, 7, 50, 600])
        found.append((start, start + length, random.randrange(1, 4)))
    return found


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]]:
    return many(draw, draw(st.integers(0, 900))), many(draw, draw(st.integers(0, 300)))


@EXAMPLES
@given(history=histories(), probes=st.randoms(use_true_random=False))
def test_a_timeline_of_many_blocks_is_as_high_as_its_bookings(history: Any, probes: Any) -> None:
    loaded, added = history
    timeline, heights = Timeline(loaded), Heights()
    for booking in loaded:
        heights.add(*booking)
    for booking in added:
        timeline.add(*booking)
        heights.add(*booking)
    for start, end, amount in (*loaded[::2], *added[::3]):
        timeline.add(start, end, -amount)
        heights.add(start, end, -amount)
    past = probes.choice([0, 1, 700])
    timeline.forget_before(past)
    for _ in range(20):
        start = probes.randrange(past, END - 1)
        end = probes.randrange(start + 1, END)
        assert timeline.peak(start, end) == max(heights.at[start:end])
        assert max(heights.at[past:]) <= timeline.top() <= max(heights.at)
        level = probes.randrange(8)
        assert timeline.last_above(start, end, level) == heights.last_above(start, end, level)
        assert timeline.first_above(start, level) == heights.first_above(start, level)
        assert timeline.above(start, level) == heights.above(start, level)


def test_what_is_taken_back_leaves_nothing() -> None:
    timeline = Timeline()
    for start in range(2000):
        timeline.add(start, start + 5, 2)
    for start in range(2000):
        timeline.add(start, start + 5, -2)
    assert timeline.peak(0, 3000) == 0
    assert not timeline._blocks
