"""ISO 8601 instants, durations and intervals: a superset is read, the published patterns are
written. Calendar units (months, years), negative and zero durations are refused by a ValueError
whose text says what to write instead."""

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final

_DURATION: Final = re.compile(
    r"P(?=[\dT])(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)
_LONGEST: Final = timedelta(days=36500)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
OPEN: Final = ".."


def read_duration(text: str) -> timedelta:
    """`PT2H30M`, `P1D`, `P2W`, `PT0.5S`: a positive length of time of at most a century."""
    if text.startswith("-"):
        raise ValueError("a duration cannot be negative; write it without the minus sign")
    found = _DURATION.fullmatch(text)
    if not found:
        raise ValueError("not an ISO 8601 duration; write for example PT2H30M")
    parts = found.groupdict()
    if parts["years"] or parts["months"]:
        raise ValueError("years and months have no fixed length; write days, for example P30D")
    try:
        length = timedelta(
            weeks=int(parts["weeks"] or 0),
            days=int(parts["days"] or 0),
            hours=int(parts["hours"] or 0),
            minutes=int(parts["minutes"] or 0),
            seconds=float(parts["seconds"] or 0),
        )
    except (OverflowError, ValueError):  # more digits than Python reads
        length = timedelta.max
    if not length:
        raise ValueError("a duration must be longer than nothing; write for example PT1H")
    if length > _LONGEST:
        raise ValueError("a duration can be a century at most; write a shorter one")
    return length


def write_duration(length: timedelta) -> str:
    """`PT2H30M`; fractions of a second are kept. Zero is written `PT0S`."""
    hours, rest = divmod(length, timedelta(hours=1))
    minutes, rest = divmod(rest, timedelta(minutes=1))
    seconds = f"{rest.total_seconds():.6f}".rstrip("0").rstrip(".")
    text = "PT" + (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes else "")
    return text + (f"{seconds}S" if rest or text == "PT" else "")


@lru_cache(maxsize=4096)
def write_seconds(seconds: int) -> str:
    """A duration of whole seconds: `PT1M30S`."""
    return write_duration(timedelta(seconds=seconds))


def read_instant(text: str) -> datetime:
    """An aware UTC instant. A date alone means 00:00, no zone means UTC."""
    try:
        if len(text) == len("2026-01-01"):
            return datetime.combine(date.fromisoformat(text), time(), UTC)
        instant = datetime.fromisoformat(text)
        return instant.replace(tzinfo=instant.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            "not an ISO 8601 instant; write for example 2026-01-31T12:00:00Z"
        ) from None


def write_instant(instant: datetime) -> str:
    """`2026-01-31T12:00:00Z`, with a fraction only where there is one."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def read_interval(text: str, now: datetime) -> tuple[datetime, datetime | None]:
    """The half-open interval of `start/end`, `start/duration`, `duration/end` or `../end`.

    An open start is `now`, an open end is None. ValueError says what is wrong.
    """
    first, slash, second = text.partition("/")
    if not slash or "/" in second:
        raise ValueError("not an ISO 8601 interval; write for example 2026-01-31T12:00:00Z/PT2H")
    if first.startswith(("P", "-P")):
        end = read_instant(second)
        return _before(end, read_duration(first)), end
    start = now if first in ("", OPEN) else read_instant(first)
    if second in ("", OPEN):
        return start, None
    end = _after(start, read_duration(second)) if second[0] in "P-" else read_instant(second)
    if end <= start == now:
        raise ValueError("the interval is over already; move its end")
    if end <= start:
        raise ValueError("the interval ends before it starts; swap the two, or move the end")
    return start, end


def write_interval(start: datetime, end: datetime) -> str:
    return f"{write_instant(start)}/{write_instant(end)}"


@lru_cache(maxsize=4096)
def write_epoch(epoch: int) -> str:
    """The instant of whole epoch seconds: `2026-01-31T12:00:00Z`."""
    return from_epoch(epoch).isoformat().removesuffix("+00:00") + "Z"


def write_epochs(start: int, end: int) -> str:
    """The interval between two instants in whole epoch seconds."""
    return f"{write_epoch(start)}/{write_epoch(end)}"


def from_epoch(epoch: int) -> datetime:
    return _EPOCH + timedelta(seconds=epoch)


def to_epoch(instant: datetime) -> int:
    """Whole epoch seconds, rounded up: no start before the instant is taken for one after it."""
    return -((_EPOCH - instant) // timedelta(seconds=1))


def _before(instant: datetime, length: timedelta) -> datetime:
    try:
        return instant - length
    except OverflowError:
        raise ValueError("the interval starts before the year 1; write a shorter one") from None


def _after(instant: datetime, length: timedelta) -> datetime:
    try:
        return instant + length
    except OverflowError:
        raise ValueError("the interval ends after the year 9999; write a shorter one") from None
