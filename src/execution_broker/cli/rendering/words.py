"""The small words of the terminal: times, lengths, sizes, names. Nothing here trusts its text."""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

import msgspec
from rich.text import Text

from execution_broker.domain import iso8601
from execution_broker.models import kinds
from execution_broker.models.component import Cost, Metric
from execution_broker.models.phases import ComponentPhase, SessionPhase


class Here(msgspec.Struct, frozen=True):
    """When and where the reader is. `zone` None is the zone of this machine."""

    now: datetime
    zone: tzinfo | None = None


_STYLES: Final = {
    "OFFERED": "cyan",
    "ACCEPTED": "cyan",
    "PREPARING": "blue",
    "AVAILABLE": "green",
    "RUNNING": "bold green",
    "RELEASING": "blue",
    "COMPLETED": "bold green",
    "FAILED": "bold red",
    "CANCELLED": "yellow",
    "EXPIRED": "yellow",
    "REJECTED": "yellow",
}
_UNITS_OF: Final = {kinds.COST_ENERGY: "kWh", kinds.COST_CARBON: "g"}
_INSTANT: Final = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_DURATION: Final = re.compile(
    r"\bP(?=[T\d])(?:\d+D)?(?:T(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?)?(?![\w])"
)
_UNITS: Final = ("bytes", "KiB", "MiB", "GiB", "TiB")


def plain(text: str) -> str:
    """Text from outside on one line, without control characters that would steer a terminal."""
    return "".join(c if c.isprintable() else " " for c in text)


def phase(value: SessionPhase | ComponentPhase | None) -> Text:
    name = value.value if value else "?"
    return Text(name, style=_STYLES.get(name, ""))


def clock(instant: datetime, here: Here) -> str:
    """`14:02:11`"""
    return f"{instant.astimezone(here.zone):%H:%M:%S}"


def moment(instant: datetime, here: Here) -> str:
    """`14:02` today, `Tue 24 Nov 14:02` on another day, with the year in another year."""
    there, today = instant.astimezone(here.zone), here.now.astimezone(here.zone)
    if there.date() == today.date():
        return f"{there:%H:%M}"
    return f"{there:%a %d %b %H:%M}" if there.year == today.year else f"{there:%d %b %Y %H:%M}"


def zone(here: Here) -> str:
    """The name of the zone that times are shown in: `UTC`, `CET`."""
    return here.now.astimezone(here.zone).tzname() or "local time"


def local(text: str, here: Here) -> str:
    """A sentence in which instants of UTC and ISO 8601 durations are written as a person reads
    them, in the reader's zone: `at 14:02:11`, `after 2 min`."""
    return _DURATION.sub(_said_duration, _INSTANT.sub(lambda one: _said_instant(one, here), text))


def window(interval: str | None, here: Here) -> str:
    """When something may start: `14:02 to 14:30`, or `14:02` where both are the same."""
    if not interval:
        return "-"
    try:
        start, end = iso8601.read_interval(interval, here.now)
    except ValueError:
        return plain(interval)
    first = moment(start, here)
    if end is None:
        return f"{first} or later"
    last = moment(end, here)
    if last == first:
        return first
    same_day = start.astimezone(here.zone).date() == end.astimezone(here.zone).date()
    return f"{first} to {end.astimezone(here.zone):%H:%M}" if same_day else f"{first} to {last}"


def instant(text: str | None, here: Here) -> str:
    """An instant of the wire, or the text itself where it is none."""
    if not text:
        return "-"
    try:
        return moment(iso8601.read_instant(text), here)
    except ValueError:
        return plain(text)


def duration(text: str | None) -> str:
    """A duration of the wire: `2 h 30 min`."""
    if not text:
        return "-"
    try:
        return length(iso8601.read_duration(text))
    except ValueError:
        return "none" if text in ("PT0S", "P0D") else plain(text)


def length(span: timedelta) -> str:
    """The two largest units: `4 min 58 s`, `2 h`, `3 d 4 h`."""
    seconds = max(round(span.total_seconds()), 0)
    units = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
    parts: list[tuple[int, str]] = []
    for name, each in units:
        count, seconds = divmod(seconds, each)
        if count or parts:
            parts.append((count, name))
    return " ".join(f"{count} {name}" for count, name in parts[:2] if count) or "0 s"


def left(until: datetime | None, here: Here) -> str:
    """How long until an instant, or `over`."""
    if until is None:
        return "-"
    return length(aware(until) - here.now) if aware(until) > here.now else "over"


def _said_instant(found: re.Match[str], here: Here) -> str:
    try:
        instant = iso8601.read_instant(found[0])
    except ValueError:
        return found[0]
    return f"{moment(instant, here).rpartition(' ')[0]} {clock(instant, here)}".lstrip()


def _said_duration(found: re.Match[str]) -> str:
    try:
        span = iso8601.read_duration(found[0])
    except ValueError:
        return found[0]
    return f"{span.total_seconds():.1f} s" if span < timedelta(seconds=1) else length(span)


def aware(instant: datetime) -> datetime:
    """An instant without a zone is read as UTC."""
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def size(count: float) -> str:
    """`3.2 MiB`"""
    unit = 0
    while count >= 1024 and unit < len(_UNITS) - 1:
        count /= 1024
        unit += 1
    return f"{count:.1f} {_UNITS[unit]}" if unit else f"{count:.0f} {_UNITS[0]}"


def bounds(value: Cost | Metric) -> str:
    """`0.1 to 0.12`, or one number where both are the same."""
    numbers = [f"{bound:.4g}" for bound in (value.min, value.max) if bound is not None]
    return " to ".join(dict.fromkeys(numbers)) or "-"


def unit_of(type_: str | None) -> str:
    """What the numbers of a cost are counted in, where that is known: `kWh`."""
    return _UNITS_OF.get(type_ or "", "")


def counted(number: str, one: str) -> str:
    """`1 core`, `2 cores`, `2 to 8 cores`."""
    return f"{number} {one}" if number == "1" else f"{number} {one}s"


def type_name(type_: str | None) -> str:
    """The last word of a URI: `monetary`."""
    return plain((type_ or "?").rsplit("/", 1)[-1].rsplit(":", 1)[-1])
