"""What a bell tells: that something has changed, and steps of which kinds may be claimed by it."""

from collections import Counter
from collections.abc import Collection
from typing import Final

from execution_broker.domain.plan import StepKind

EVERY: Final = frozenset(StepKind)
_NONE: Final = "-"
_BY_WORD: Final = {kind.word: kind for kind in StepKind}


class Rings:
    """How often the bell was heard. Who waits for work compares what it was for its kinds."""

    def __init__(self) -> None:
        self._all = 0
        self._of: Counter[StepKind] = Counter()

    def add(self, kinds: Collection[StepKind]) -> None:
        self._all += 1
        self._of.update(kinds)

    def of(self, kinds: Collection[StepKind] | None) -> int:
        """None: of all, those for nobody in particular too."""
        return self._all if kinds is None else sum(self._of[kind] for kind in kinds)


def told(kinds: Collection[StepKind]) -> str:
    """What is told to other processes. Nothing means every kind, as older ones tell it."""
    if EVERY.issubset(kinds):
        return ""
    return " ".join(sorted(kind.word for kind in kinds)) or _NONE


def heard(text: str) -> frozenset[StepKind]:
    """The kinds that another process told of; what only a newer one knows is not ours to do."""
    if not text:
        return EVERY
    return frozenset(_BY_WORD[word] for word in text.split() if word in _BY_WORD)
