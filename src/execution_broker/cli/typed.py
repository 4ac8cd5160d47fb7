"""Lengths of time, windows and sizes as people type them, in the form that the standard has."""

import re
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import ceil
from typing import Final

from execution_broker.domain.iso8601 import (
    is_duration,
    read_duration,
    read_interval,
    write_duration,
)
from execution_broker.models.resources import Range

_NUMBER: Final = r"[0-9]+(?:[.,][0-9]+)?"

_SECONDS: Final = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), 86400),
    **dict.fromkeys(("w", "week", "weeks"), 604800),
}
_CALENDAR: Final = {"mo", "month", "months", "y", "yr", "yrs", "year", "years"}
_PART: Final = re.compile(rf"({_NUMBER})\s*([a-z]+)(?:\s+and\s+|\s*,\s*|\s*)", re.IGNORECASE)
_PARTS: Final = re.compile(rf"(?:{_PART.pattern})+", re.IGNORECASE)
_CLOCK: Final = re.compile(r"([0-9]{1,4}):([0-5][0-9]):([0-5][0-9])")
_HALF_A_CLOCK: Final = re.compile(r"[0-9]+:[0-9]+")
_PUBLISHED: Final = re.compile(r"P(?:[0-9]+[DW])?(?:T(?:[0-9]+H)?(?:[0-9]+M)?(?:[0-9]+S)?)?")
"""What the published pattern has that can be read as it is."""

_FOREVER: Final = 10**12
_LENGTH: Final = "Write one like 30m, 2h, 1h30m, 7d, or PT2H."
_WINDOW: Final = "Write two instants, or one and a length: 2026-11-22T14:00Z/2h, or ../6h."

_GIB: Final = 1 << 30
_POWERS: Final = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_UNIT: Final = re.compile(r"([kmgt]?)(b|ib?|)|(?:(kilo|mega|giga|tera)|)bytes?")
_RANGE: Final = re.compile(
    rf"({_NUMBER})\s*([a-z]*?)(?:\s*(?:-|\.\.|to)\s*({_NUMBER})\s*([a-z]*))?", re.IGNORECASE
)
_MOST: Final = 2**63 - 1
_SIZE: Final = "Write the least, or least-most, in GiB or with a unit: 4, 2-8, 500MB, 2-8GB."
_COUNT: Final = "Write the least, or least-most: 2 or 2-8."


class Mistyped(ValueError):
    """What was typed cannot be had: a reason to go on with behind a colon, and what to write."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.remedy = remedy


def read_length(text: str) -> timedelta:
    """`10 minutes`, `1h30m`, `2:00:00` or `PT10M`: more than nothing, a century at most."""
    plain = text.strip()
    written = plain if is_duration(plain) else write_duration(_added_up(plain))
    try:
        return read_duration(written)
    except ValueError as error:
        raise Mistyped(str(error), _LENGTH) from None


def write_length(text: str) -> str:
    """A length as it is sent."""
    length = read_length(text)
    return text if _PUBLISHED.fullmatch(text) else write_duration(length)


def write_window(text: str) -> str:
    """An interval as it is sent: any lengths in it may be typed as elsewhere."""
    parts = [part.strip() for part in text.split("/")]
    sent = "/".join(write_length(part) if _PARTS.fullmatch(part) else part for part in parts)
    try:
        read_interval(sent, datetime.min.replace(tzinfo=UTC))
    except ValueError as error:
        raise Mistyped(str(error), _WINDOW) from None
    return sent


def read_sizes(text: str) -> Range:
    """The least, and the most if it is said, in whole GiB that are enough: `4`, `2-8`, `500MB`."""
    found = _RANGE.fullmatch(text.strip())
    if found is None:
        raise Mistyped("it is no size", _SIZE)
    least, unit, most, last_unit = found.groups(default="")
    return _range(
        _gib(least, unit or last_unit), _gib(most, last_unit or unit) if most else None, _SIZE
    )


def read_size(text: str) -> int:
    """One size in whole GiB that are enough."""
    sizes = read_sizes(text)
    if sizes.min is None or sizes.max is not None:
        raise Mistyped("it is more than one size", "Write one, in GiB or with a unit: 4, 500MB.")
    return sizes.min


def read_counts(text: str) -> Range:
    """The least, and the most if it is said: `2`, `2-8`."""
    found = _RANGE.fullmatch(text.strip())
    if found is None or found[2] or found[4]:
        raise Mistyped("it is no number", _COUNT)
    return _range(_count(found[1]), _count(found[3]) if found[3] else None, _COUNT)


def _added_up(text: str) -> timedelta:
    """The length of `1 hour 30 minutes` or `1:30:00`."""
    if text.startswith("-"):
        raise Mistyped("a length of time cannot be negative", _LENGTH)
    if found := _CLOCK.fullmatch(text):
        hours, minutes, seconds = map(int, found.groups())
        return timedelta(hours=hours, minutes=minutes, seconds=seconds)
    if _HALF_A_CLOCK.fullmatch(text):
        raise Mistyped("it could be hours or minutes", _LENGTH)
    if re.fullmatch(_NUMBER, text):
        raise Mistyped("it has no unit", _LENGTH)
    if not _PARTS.fullmatch(text):
        raise Mistyped("it is no length of time", _LENGTH)
    total = Fraction(0)
    for number, unit in _PART.findall(text):
        if unit.casefold() in _CALENDAR:
            raise Mistyped("years and months have no fixed length", "Write days: 30d.")
        if unit.casefold() not in _SECONDS:
            raise Mistyped("it is no length of time", _LENGTH)
        total += _fraction(number) * _SECONDS[unit.casefold()]
    return timedelta(seconds=_FOREVER if total > _FOREVER else float(total))


def _gib(number: str, unit: str) -> int:
    found = _UNIT.fullmatch(unit.casefold())
    if found is None or (not unit and not number.isdecimal()):
        raise Mistyped("it is no size", _SIZE)
    if not unit:
        return _count(number)
    prefix, end, word = found.groups()
    each = 1000 if word or end == "b" else 1024
    power = _POWERS[(word or prefix or "")[:1]]
    return ceil(_fraction(number) * Fraction(each) ** power / _GIB)


def _count(number: str) -> int:
    if not number.isdecimal():
        raise Mistyped("it is no number", _COUNT)
    return int(_fraction(number))


def _fraction(number: str) -> Fraction:
    """Numbers with more digits than anybody types are as good as infinite."""
    return Fraction(number.replace(",", ".")) if len(number) < 1000 else Fraction(10) ** 1000


def _range(least: int, most: int | None, remedy: str) -> Range:
    if least < 1:
        raise Mistyped("it has to be at least 1", remedy)
    if most is not None and most < least:
        raise Mistyped("the most is less than the least", remedy)
    if max(least, most or 0) > _MOST:
        raise Mistyped("that is more than can be asked for", remedy)
    return Range(min=least, max=most)
