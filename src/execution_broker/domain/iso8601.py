"""ISO 8601 instants, durations and intervals: a superset is read, the published patterns are
written. Calendar units (months, years), negative and zero durations, and what the standard has but
nobody can have here, are refused by a ValueError whose text says what to write instead."""

import re
from calendar import isleap
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final

_NUMBER: Final = r"[0-9]+(?:[.,][0-9]+)?"
_DURATION: Final = re.compile(
    rf"P(?=[0-9T])(?:(?P<years>{_NUMBER})Y)?(?:(?P<months>{_NUMBER})M)?"
    rf"(?:(?P<weeks>{_NUMBER})W)?(?:(?P<days>{_NUMBER})D)?"
    rf"(?:T(?=[0-9])(?:(?P<hours>{_NUMBER})H)?(?:(?P<minutes>{_NUMBER})M)?"
    rf"(?:(?P<seconds>{_NUMBER})S)?)?",
    re.IGNORECASE | re.ASCII,
)
_WITHOUT_LETTERS: Final = re.compile(r"P[0-9]{4}-?[0-9]{2}-?[0-9]{2}(?:T.*)?", re.IGNORECASE)
_REPEATED: Final = re.compile(r"R[0-9]*/.*", re.IGNORECASE)
_SHORTENED: Final = re.compile(r"(?:[0-9]{2}-)?[0-9]{2}(?:[T:.,Z+-].*)?", re.IGNORECASE)
_DAY: Final = (
    r"(?P<year>[0-9]{4})(?:-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
    r"|(?P<basic>[0-9]{4})"
    r"|-?(?P<ordinal>[0-9]{3})"
    r"|-?W(?P<week>[0-9]{2})(?:-?(?P<weekday>[0-9]))?)"
)
_TIME: Final = (
    r"(?P<hours>[0-9]{2})(?::?(?P<minutes>[0-9]{2})(?::?(?P<seconds>[0-9]{2}))?)?"
    r"(?P<fraction>\.[0-9]+)?"
)
_ZONE: Final = r"Z|(?P<sign>[+-])(?P<zone_hours>[0-9]{2})(?::?(?P<zone_minutes>[0-9]{2}))?"
_INSTANT: Final = re.compile(rf"{_DAY}(?:[T ]{_TIME}(?:{_ZONE})?)?")
_WITHOUT_DAY: Final = re.compile(r"[0-9]{4}(?:-?[0-9]{2})?")
_OTHER_YEAR: Final = re.compile(r"[+-][0-9]{4,}-.*")

_HOW: Final = "write for example 2026-01-31T12:00:00Z"
_LONGEST: Final = timedelta(days=36500)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
OPEN: Final = ".."


def read_duration(text: str) -> timedelta:
    """`PT2H30M`, `P1D`, `P2W`, `PT0,5H`: a positive length of time of at most a century.

    The last number may have a fraction. Years and months may be zero.
    """
    if text.startswith("-") and _DURATION.fullmatch(text[1:]):
        raise ValueError("a duration cannot be negative; write it without the minus sign")
    if _WITHOUT_LETTERS.fullmatch(text):
        raise ValueError("a duration is read with letters alone; write for example PT2H30M")
    found = _DURATION.fullmatch(text)
    if not found:
        raise ValueError("not an ISO 8601 duration; write for example PT2H30M")
    written = {name: number.replace(",", ".") for name, number in found.groupdict("").items()}
    given = [number for number in written.values() if number]
    if any("." in number for number in given[:-1]):
        raise ValueError(
            "only the last number of a duration can have a fraction; write for example PT1H30M"
        )
    numbers = {name: _number(number) for name, number in written.items()}
    years, months = numbers.pop("years"), numbers.pop("months")
    if years or months:
        raise ValueError("years and months have no fixed length; write days, for example P30D")
    try:
        length = timedelta(**numbers)
    except OverflowError:
        length = timedelta.max
    if not length:
        raise ValueError("a duration must be longer than nothing; write for example PT1H")
    if length > _LONGEST:
        raise ValueError("a duration can be a century at most; write a shorter one")
    return length


def _number(text: str) -> float:
    """Whole numbers stay whole; infinite where it has more digits than Python reads."""
    if "." in text:
        return float(text)
    return int(text or "0") if len(text) < 20 else float("inf")


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
    """An aware UTC instant. A date alone means 00:00, a week alone its Monday, no zone means UTC.

    24:00 is the end of a day; a leap second is the instant that follows it.
    """
    plain = text.upper().replace(",", ".").replace("\N{MINUS SIGN}", "-")
    found = _INSTANT.fullmatch(plain)
    if not found:
        raise ValueError(f"{_why_none(plain)}; {_HOW}")
    parts = found.groupdict()
    day = datetime.combine(_day(parts), time(), UTC)
    since, is_leap = _time(parts)
    try:
        instant = day + since - _offset(parts)
    except OverflowError:
        raise _no_year() from None
    if is_leap and instant.replace(microsecond=0).time() != time():
        raise ValueError(f"a leap second is at the end of a day in UTC alone; {_HOW}")
    return instant


def write_instant(instant: datetime) -> str:
    """`2026-01-31T12:00:00Z`, with a fraction only where there is one."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def read_interval(text: str, now: datetime) -> tuple[datetime, datetime | None]:
    """The half-open interval of `start/end`, `start/duration`, `duration/end` or `../end`.

    An open start is `now`, an open end is None. ValueError says what is wrong.
    """
    if _REPEATED.fullmatch(text):
        raise ValueError("an interval that repeats cannot be had; write it once, without the R")
    first, slash, second = text.partition("/")
    if not slash or "/" in second:
        raise ValueError("not an ISO 8601 interval; write for example 2026-01-31T12:00:00Z/PT2H")
    if is_duration(first):
        end = read_instant(second)
        return _before(end, read_duration(first)), end
    start = now if first in ("", OPEN) else read_instant(first)
    if second in ("", OPEN):
        return start, None
    if _SHORTENED.fullmatch(second):
        raise ValueError(
            "an end is not completed from its start; write the whole end, for example "
            "2026-01-31T14:00:00Z"
        )
    end = _after(start, read_duration(second)) if is_duration(second) else read_instant(second)
    if end <= start == now:
        raise ValueError("the interval is over already; move its end")
    if end <= start:
        raise ValueError("the interval ends before it starts; swap the two, or move the end")
    return start, end


def is_duration(part: str) -> bool:
    """Whether this part of an interval is to be a duration, and no instant."""
    return part.upper().startswith(("P", "-P"))


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


def _why_none(text: str) -> str:
    if _WITHOUT_DAY.fullmatch(text):
        return "no day: a year or a month alone is no ISO 8601 instant"
    if _OTHER_YEAR.fullmatch(text):
        return str(_no_year())
    return "not an ISO 8601 instant"


def _no_year() -> ValueError:
    return ValueError(f"only years from 0001 to 9999 can be had; {_HOW}")


def _day(parts: dict[str, str | None]) -> date:
    year = int(parts["year"] or 0)
    if not year:
        raise _no_year()
    try:
        if parts["ordinal"]:
            return _day_of_year(year, int(parts["ordinal"]))
        if parts["week"]:
            return date.fromisocalendar(year, int(parts["week"]), int(parts["weekday"] or 1))
        if parts["basic"]:
            return date(year, int(parts["basic"][:2]), int(parts["basic"][2:]))
        return date(year, int(parts["month"] or 0), int(parts["day"] or 0))
    except (ValueError, OverflowError):
        raise ValueError(f"there is no such day; {_HOW}") from None


def _day_of_year(year: int, number: int) -> date:
    if not 1 <= number <= 365 + isleap(year):
        raise ValueError("there is no such day")
    return date(year, 1, 1) + timedelta(days=number - 1)


def _time(parts: dict[str, str | None]) -> tuple[timedelta, bool]:
    """Since the midnight before, and whether it is a leap second."""
    hours, minutes, seconds = (int(parts[name] or 0) for name in ("hours", "minutes", "seconds"))
    unit = "seconds" if parts["seconds"] else "minutes" if parts["minutes"] else "hours"
    fraction = timedelta(**{unit: float(parts["fraction"] or 0)})
    since = timedelta(hours=hours, minutes=minutes, seconds=seconds) + fraction
    is_leap = seconds == 60
    if minutes > 59 or seconds > 60 or since > timedelta(days=1, seconds=is_leap):
        raise ValueError(f"there is no such time of a day; {_HOW}")
    return since, is_leap


def _offset(parts: dict[str, str | None]) -> timedelta:
    hours, minutes = int(parts["zone_hours"] or 0), int(parts["zone_minutes"] or 0)
    if hours > 23 or minutes > 59:
        raise ValueError(f"there is no such time zone; {_HOW}")
    offset = timedelta(hours=hours, minutes=minutes)
    return -offset if parts["sign"] == "-" else offset
