"""Factors that change with the hour of the day: their mean over a session, whenever it starts.

Times in whole epoch seconds, hours of the day in UTC. As a function of the start the mean is made
of straight lines that meet where the session's start or end passes a full hour.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final

_HOUR: Final = 3600
DAY: Final = 24 * _HOUR


def mean(by_hour: Sequence[float], start: int, duration: int) -> float:
    """The mean factor over [start, start + duration)."""
    if duration <= 0:
        return by_hour[start % DAY // _HOUR]
    sums = (0.0, *accumulate(by_hour))
    begin = start % DAY
    whole = _until(sums, begin + duration) - _until(sums, begin)
    return whole * _HOUR / duration


def extremes(
    by_hour: Sequence[float], start: int, latest: int, duration: int
) -> tuple[float, float]:
    """The least and the greatest mean of a session that starts somewhere in [start, latest]."""
    last = min(latest, start + DAY)
    starts = {start, last, *turns(duration, start, last)}
    means = [mean(by_hour, one, duration) for one in starts]
    return min(means), max(means)


def turns(duration: int, first: int, last: int) -> Iterator[int]:
    """The starts in [first, last] at which the mean may turn, in no order."""
    for offset in {0, duration % _HOUR}:
        begin = first + (-(first + offset)) % _HOUR
        yield from range(begin, last + 1, _HOUR)


def _until(sums: Sequence[float], seconds: int) -> float:
    """The factors summed from a midnight to so many seconds later, in hours."""
    days, second = divmod(seconds, DAY)
    hour, rest = divmod(second, _HOUR)
    return days * sums[-1] + sums[hour] + (sums[hour + 1] - sums[hour]) * rest / _HOUR
