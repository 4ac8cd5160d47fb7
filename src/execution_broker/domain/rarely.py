"""How often something that happens again and again is told."""

from collections.abc import Hashable
from typing import Final

_MOST_KINDS: Final = 1000


class Rarely:
    """Of each kind of event the first is told at once, and more of them once every so many
    seconds, with their number."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._told: dict[Hashable, tuple[float, int]] = {}

    def count(self, kind: Hashable, now: float) -> int | None:
        """One event has happened. How many there were that have not been told, this one
        included, if they are to be told now; None if not. `now` in seconds."""
        last, waiting = self._told.get(kind, (None, 0))
        if last is not None and now - last < self._seconds:
            self._told[kind] = last, waiting + 1
            return None
        if len(self._told) >= _MOST_KINDS:
            self._told.clear()
        self._told[kind] = now, 0
        return waiting + 1
