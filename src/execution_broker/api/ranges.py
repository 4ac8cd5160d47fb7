"""Range requests (RFC 9110, 14): which bytes are wanted of how many."""

import re
from typing import Final

from execution_broker.domain.errors import RangeNotSatisfiable

_RANGE: Final = re.compile(r"(\d{1,18})-(\d{0,18})|-(\d{1,18})", re.ASCII)
_MOST: Final = 20


def wanted(header: str | None, size: int) -> list[tuple[int, int]]:
    """The half-open intervals that are wanted; none: all of it.

    What is no range of bytes, or has too many parts, is ignored, as the RFC has it.
    RangeNotSatisfiable if it is one and all of it lies beyond the end.
    """
    unit, _, text = (header or "").partition("=")
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if unit.strip().lower() != "bytes" or not 0 < len(parts) <= _MOST:
        return []
    found = [_RANGE.fullmatch(part) for part in parts]
    intervals = [_interval(one, size) for one in found if one is not None]
    if len(intervals) < len(parts) or any(start > end for start, end in intervals):
        return []
    possible = [(start, min(end, size)) for start, end in intervals if start < min(end, size)]
    if not possible:
        raise RangeNotSatisfiable(
            f"There are {size} bytes, and none in the range asked for.", "Ask for less.", size
        )
    return possible


def written(intervals: list[tuple[int, int]]) -> str:
    """A Range header for these intervals."""
    return "bytes=" + ",".join(f"{start}-{end - 1}" for start, end in intervals)


def _interval(found: re.Match[str], size: int) -> tuple[int, int]:
    first, last, suffix = found.groups()
    if suffix is not None:
        return max(0, size - int(suffix)), size
    if not last:
        return int(first), max(size, int(first))
    return int(first), int(last) + 1
