"""offers_find: four starts within four hours, in a calendar of many bookings."""

import random
import time
from typing import Final

from benchmarks.figures import Cpu, Figure
from benchmarks.running import Bench
from execution_broker.domain.amounts import Booking, Stretch
from execution_broker.domain.calendar import Calendar

_HOUR: Final = 3600
_WINDOW: Final = 4 * _HOUR
_STARTS: Final = 4
_YEAR: Final = 365 * 24 * _HOUR
_TARGET: Final = 100
_MILLION: Final = 1_000_000
_AMOUNTS: Final = {"cores": 4, "memory": 16, "storage": 10}


async def measure(bench: Bench) -> list[Figure]:
    sizes = (100, 10_000, bench.size(_MILLION, 20_000))
    return [_measure(count, bench.size(2000, 50)) for count in sizes]


def _measure(count: int, searches: int) -> Figure:
    calendar, span = _calendar(count)
    dice = random.Random(2)
    begins = [dice.randrange(0, max(1, span - _WINDOW)) for _ in range(searches)]
    times: list[float] = []
    cpu = time.process_time()
    for begin in begins:
        start = time.perf_counter()
        found = _starts(calendar, begin)
        times.append(time.perf_counter() - start)
        assert len(found) <= _STARTS
    used = time.process_time() - cpu
    figure = sorted(times)[len(times) // 2] * 1e6
    is_aim = count == _MILLION
    return Figure(
        name="offers_find",
        case=f"{count:,} bookings".replace(",", "\u202f"),
        figure=figure,
        unit="µs",
        cpu=Cpu(used / searches * 1e6),
        target=f"≤ {_TARGET} µs at a million" if is_aim else None,
        met=figure <= _TARGET if is_aim else None,
    )


def _calendar(count: int) -> tuple[Calendar, int]:
    """Bookings of half an hour to two over a year, as many amounts as a session books, on a
    platform that is nine tenths full; fewer than ten thousand lie in as much less time."""
    dice = random.Random(1)
    span = min(_YEAR, max(2 * _WINDOW, count * _YEAR // _MILLION * 50))
    booked = []
    for _ in range(count):
        start = dice.randrange(span)
        booked.append(Booking(_AMOUNTS, start, start + dice.randrange(_HOUR // 2, 2 * _HOUR)))
    at_once = count * 1.25 * _HOUR / span
    capacity = {name: int(amount * (at_once / 0.9 + 2)) for name, amount in _AMOUNTS.items()}
    return Calendar(capacity, booked), span


def _starts(calendar: Calendar, begin: int) -> list[int]:
    """The first start, and others at least half an hour later each."""
    found: list[int] = []
    earliest = begin
    while len(found) < _STARTS:
        start = calendar.first_fit(earliest, begin + _WINDOW, _wanted)
        if start is None:
            break
        found.append(start)
        earliest = start + _HOUR // 2
    return found


def _wanted(start: int) -> list[Stretch]:
    return [
        Stretch("cores", start - 60, start + _HOUR, 4),
        Stretch("memory", start - 60, start + _HOUR, 16),
        Stretch("storage", start - 120, start + _HOUR + 60, 10),
    ]
