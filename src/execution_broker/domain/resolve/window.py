"""Reads the schedule: in which window the session may start, and how long it must last (N5)."""

import math
import re
from datetime import timedelta
from typing import Final

import msgspec

from execution_broker.domain.iso8601 import (
    from_epoch,
    is_duration,
    read_duration,
    read_interval,
    to_epoch,
    write_duration,
    write_epochs,
    write_seconds,
)
from execution_broker.domain.resolve.report import Report, short
from execution_broker.models.schedule import RequestedSchedule, RequestedScheduleItem

_START: Final = "schedule.requested.start"
_DURATION: Final = "schedule.requested.duration"
_CENTURY: Final = 36525 * 86400
_CALENDAR_UNITS: Final = re.compile(r"-?P(?:(\d{1,4})Y)?(?:(\d{1,4})M)?(?P<rest>.*)", re.IGNORECASE)


class Window(msgspec.Struct, frozen=True):
    """Whole epoch seconds, half-open, never empty, not wholly past; whole seconds of duration."""

    start: int
    end: int
    duration: timedelta


def read_window(
    report: Report, asked: RequestedSchedule | None, duration: int, look_ahead: int, now: int
) -> Window:
    """The window asked for, or the default one: from now on, for `look_ahead` seconds.

    `duration` is the default one, in seconds. Faults are reported, and what is suggested instead is
    returned.
    """
    item = (asked and asked.requested) or RequestedScheduleItem()
    start, end = _read_start(report, item.start, look_ahead, now)
    return Window(start, end, _read_duration(report, item.duration, duration))


def _read_duration(report: Report, text: str | None, default: int) -> timedelta:
    if text is None:
        report.assume(_DURATION, write_seconds(default))
        return timedelta(seconds=default)
    try:
        return timedelta(seconds=math.ceil(read_duration(text).total_seconds()))
    except ValueError as error:
        length = _repaired_duration(text) or timedelta(seconds=default)
        report.correct(_DURATION, short(text), str(error), write_duration(length))
        return timedelta(seconds=math.ceil(length.total_seconds()))


def _read_start(report: Report, text: str | None, look_ahead: int, now: int) -> tuple[int, int]:
    default = now, now + look_ahead
    if text is None:
        report.assume(_START, write_epochs(*default))
        return default
    try:
        first, last = read_interval(text, from_epoch(now))
    except ValueError as error:
        return _corrected(report, text, str(error), _repaired_interval(text, look_ahead, now))
    start = to_epoch(first)
    end = max(start, now) + look_ahead if last is None else to_epoch(last)
    if end <= now:
        return _corrected(report, text, "it is over", (start, now + look_ahead))
    if start > now + _CENTURY:
        return _corrected(report, text, "it is more than a century ahead", default)
    if end <= start:
        return _corrected(report, text, "no whole second lies in it", (start, start + 1))
    return start, min(end, now + 2 * _CENTURY)


def _corrected(report: Report, text: str, reason: str, window: tuple[int, int]) -> tuple[int, int]:
    """The window that is suggested instead."""
    report.correct(_START, short(text), reason, write_epochs(*window))
    return window


def _repaired_duration(text: str) -> timedelta | None:
    """The nearest length that can be had: without the minus, years and months as days."""
    found = _CALENDAR_UNITS.fullmatch(text)
    if not found:
        return None
    length = timedelta(days=365 * int(found[1] or 0) + 30 * int(found[2] or 0))
    try:
        if found["rest"]:
            length += read_duration("P" + found["rest"])
        return read_duration(write_duration(length))
    except ValueError:
        return None


def _repaired_interval(text: str, look_ahead: int, now: int) -> tuple[int, int]:
    """The nearest interval that can be had: reversed ends are swapped, calendar units become
    days, an instant alone becomes the start of one; else the default."""
    first, _, second = text.partition("/")
    alone = f"{first}/{write_seconds(look_ahead)}"
    both = [f"{second}/{first}", f"{_repaired(first)}/{_repaired(second)}"] if second else []
    for candidate in (*both, alone):
        try:
            start, end = read_interval(candidate, from_epoch(now))
        except ValueError:
            continue
        first_second = to_epoch(start)
        if end is not None and max(first_second, now) < to_epoch(end) <= now + _CENTURY:
            return first_second, to_epoch(end)
    return now, now + look_ahead


def _repaired(part: str) -> str:
    length = _repaired_duration(part) if is_duration(part) else None
    return write_duration(length) if length else part
