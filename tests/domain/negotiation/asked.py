"""What a request asks for, read from its own words."""

import re
from dataclasses import dataclass
from datetime import datetime

Amounts = tuple[int, int, tuple[int, ...], dict[str, int]]
"""Cores, GiB of memory, GiB of each storage, and what else was asked for, by name."""


@dataclass(frozen=True)
class Wanted:
    """A least and perhaps a most; `free`: nothing was said, it may be as large as need be."""

    least: int
    most: int | None = None
    free: bool = False

    @property
    def top(self) -> int:
        return self.least if self.most is None else self.most


def wanted(asked: dict[str, int] | None) -> Wanted:
    if not asked:
        return Wanted(1, free=True)
    return Wanted(asked.get("min", 1), asked.get("max"))


def epoch(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def seconds(text: str) -> int:
    found = re.fullmatch(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?", text)
    assert found is not None, text
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds
