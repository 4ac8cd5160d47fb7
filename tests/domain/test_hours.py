"""Factors by the hour: their mean over any session, and where it turns."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution_broker.domain.hours import extremes, mean, turns
from tests.domain.builders import EXAMPLES, NOW

HOUR = 3600
DAY = tuple(float(hour) for hour in range(24))
MIDNIGHT = NOW - 8 * HOUR

days = st.lists(st.floats(0, 1000), min_size=24, max_size=24).map(tuple)


@pytest.mark.parametrize(
    ("start", "duration", "expected"),
    [
        (0, HOUR, 0.0),
        (5 * HOUR, HOUR, 5.0),
        (5 * HOUR + 1800, HOUR, 5.5),
        (5 * HOUR, 0, 5.0),
        (23 * HOUR, 2 * HOUR, 11.5),
        (7 * HOUR, 24 * HOUR, 11.5),
        (100 * 24 * HOUR, 48 * HOUR, 11.5),
    ],
)
def test_the_mean_is_that_of_the_hours(start: int, duration: int, expected: float) -> None:
    assert mean(DAY, MIDNIGHT + start, duration) == pytest.approx(expected)


@EXAMPLES
@given(days, st.integers(0, 2 * 86400), st.integers(1, 3 * 86400))
def test_the_mean_is_that_of_every_minute(
    by_hour: tuple[float, ...], start: int, minutes: int
) -> None:
    start, minutes = start // 60 * 60, minutes // 60 + 1
    expected = math.fsum(by_hour[(start + 60 * i) % 86400 // HOUR] for i in range(minutes))
    assert mean(by_hour, start, 60 * minutes) == pytest.approx(expected / minutes)


@EXAMPLES
@given(days, st.integers(0, 86400), st.integers(0, 90000), st.integers(1, 90000))
def test_no_start_has_a_mean_beyond_the_extremes(
    by_hour: tuple[float, ...], start: int, flexible: int, duration: int
) -> None:
    low, high = extremes(by_hour, start, start + flexible, duration)
    for at in range(start, start + flexible + 1, max(1, flexible // 50)):
        found = mean(by_hour, at, duration)
        assert low - 1e-6 <= found <= high + 1e-6, "but for what floating point rounds"


def test_it_turns_where_start_or_end_passes_an_hour() -> None:
    found = sorted(turns(HOUR + 600, NOW + 1, NOW + 2 * HOUR))
    assert [at - NOW for at in found] == [3000, 3600, 6600, 7200]
