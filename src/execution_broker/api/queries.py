"""What stands behind the question mark: parts of lists, positions in logs and streams."""

import re
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from starlette.datastructures import Headers, QueryParams

from execution_broker.domain.errors import InvalidParameter
from execution_broker.domain.paging import EVER, MOST, NEVER, Page, SessionFilter
from execution_broker.models.phases import SessionPhase

_WAIT: Final = re.compile(r"(?:^|[,;\s])wait=(\d{1,6})(?:$|[,;\s])", re.IGNORECASE)
_LONGEST_WAIT: Final = 60
_LARGEST: Final = 2**53
_LAST_EVENT: Final = 2**31 - 1
"""No session has more events: more could not be numbered."""


def page(query: QueryParams) -> Page:
    """InvalidParameter names the one that cannot be read."""
    return Page(
        limit=limit(query),
        cursor=_uuid(query, "cursor"),
        since=_instant(query, "since", EVER),
        until=_instant(query, "until", NEVER),
    )


def session_filter(query: QueryParams) -> SessionFilter:
    """`phase` may be given several times, or hold several with commas between."""
    phases: set[SessionPhase] = set()
    for word in ",".join(query.getlist("phase")).split(","):
        if word.strip():
            phases.add(_phase(word.strip()))
    return SessionFilter(frozenset(phases), query.get("name", ""))


def limit(query: QueryParams) -> int:
    """How many there may be on a page."""
    return number(query, "limit", Page().limit, least=1, most=MOST)


def number(
    query: QueryParams, name: str, default: int, least: int = 0, most: int = _LARGEST
) -> int:
    """A whole number; the largest that is possible for one that is larger."""
    text = query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and int(text[:20]) >= least):
        raise _invalid(name, text, f"Send a whole number from {least}.")
    return min(int(text[:20]), most)


def position(query: QueryParams, headers: Headers) -> int:
    """The number of the last event that the client has: `Last-Event-ID` goes before `after`."""
    last = headers.get("last-event-id", "")
    if last.isascii() and last.isdecimal():
        return min(int(last[:20]), _LAST_EVENT)
    return number(query, "after", 0, most=_LAST_EVENT)


def wait(headers: Headers) -> int | None:
    """The seconds of `Prefer: wait=n` (RFC 7240), as many as we grant; None without one."""
    found = _WAIT.search(", ".join(headers.getlist("prefer")))
    return None if found is None else min(int(found[1]), _LONGEST_WAIT)


def _uuid(query: QueryParams, name: str) -> UUID | None:
    text = query.get(name)
    if text is None:
        return None
    try:
        return UUID(text)
    except ValueError:
        raise _invalid(name, text, "Send what the page before called `next`.") from None


def _instant(query: QueryParams, name: str, default: datetime) -> datetime:
    text = query.get(name)
    if text is None:
        return default
    try:
        instant = datetime.fromisoformat(text.replace(" ", "+"))
        zoned = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
        return min(max(zoned.astimezone(UTC), EVER), NEVER)
    except (ValueError, OverflowError):
        raise _invalid(name, text, "Send an instant of ISO 8601: 2027-01-01T00:00:00Z.") from None


def _phase(word: str) -> SessionPhase:
    try:
        return SessionPhase(word.upper())
    except ValueError:
        known = ", ".join(SessionPhase)
        raise _invalid("phase", word, f"Send some of {known}.") from None


def _invalid(name: str, text: str, remedy: str) -> InvalidParameter:
    return InvalidParameter(f"The parameter `{name}` cannot be {text[:64]!r}.", remedy)
