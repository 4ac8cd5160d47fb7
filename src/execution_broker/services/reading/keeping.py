"""Answers as they were last written, so that what has not changed is not written again."""

from collections import OrderedDict
from datetime import datetime, timedelta
from enum import IntEnum, auto
from typing import Final, NamedTuple, assert_never
from uuid import UUID

from execution_broker.formats import Format
from execution_broker.services.views import Audience
from execution_broker.storage.sights import Sight, Stamp, Surroundings

MOMENT: Final = timedelta(seconds=1)
"""For so long an answer may tell bounds of what can be changed that are other ones by now."""

_LONGEST: Final = timedelta(minutes=1)
"""After that it is written again in any case: the database may have been put back."""

_BESIDE: Final = 1000
"""Bytes that an answer takes beside its body."""


class Key(NamedTuple):
    """What is shown, to whom, and how it is written."""

    uuid: UUID
    audience: Audience
    format: Format


class Bounds(IntEnum):
    """Whether an answer tells how much of something can be changed: the later, the sooner it is
    another one. An answer of several parts is as the latest of them."""

    NEVER = auto()
    """It tells none, and will not."""

    NONE = auto()
    """It tells none, as long as the platforms are as they are."""

    SOME = auto()
    """It tells some, which change with what others book, and with time."""


class Answer(NamedTuple):
    """A body as it was written of what was so at `now`, with its entity tag.

    `expires`: when it becomes another one by time alone. The tag need not change with bounds.
    """

    stamp: Stamp
    surroundings: Surroundings
    etag: str
    body: bytes
    now: datetime
    expires: datetime | None
    bounds: Bounds

    def is_current(self, sight: Sight) -> bool:
        """Whether it says what is so, but for bounds: whether its entity tag is that of now."""
        is_over = self.expires is not None and sight.now >= self.expires
        return self.stamp == sight.stamp and not is_over and sight.now - self.now < _LONGEST

    def is_fresh(self, sight: Sight) -> bool:
        """Whether bounds are those of a moment ago, too."""
        if sight.now - self.now < MOMENT:
            return True
        match self.bounds:
            case Bounds.NEVER:
                return True
            case Bounds.NONE:
                return self.surroundings == sight.surroundings
            case Bounds.SOME:
                return False
            case _:
                assert_never(self.bounds)


class KeptAnswers:
    """The answers that were used last, up to so many bytes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[Key, Answer] = OrderedDict()
        self.size = 0

    def current(self, key: Key, sight: Sight) -> Answer | None:
        """What is kept if it still says what is so, but for bounds."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        if not kept.is_current(sight):
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return kept

    def keep(self, key: Key, answer: Answer) -> None:
        self._drop(key)
        self._kept[key] = answer
        self.size += _size(answer)
        while self.size > self._most:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: Key) -> None:
        dropped = self._kept.pop(key, None)
        if dropped is not None:
            self.size -= _size(dropped)


def _size(answer: Answer) -> int:
    return len(answer.body) + _BESIDE
