"""What was found while a request is resolved: faults that refuse it, warnings that go with every
answer, and remarks that go with offers."""

import re
from collections.abc import Iterable, Sequence
from itertools import count, islice
from typing import Final

from execution_broker.domain.messages import BAD_VALUE, DEFAULTED, MISSING_PART
from execution_broker.domain.suggesting import REMOVE
from execution_broker.models.message import Message

_LISTED: Final = 10
_LENGTH: Final = 120
_DROPPED: Final = re.compile(
    r"(?:\$\.)?(?P<part>executable|storage|data|compute|costs|metrics)(?P<rest>.*)"
)
_INDEX: Final = re.compile(r"(?:\.volumes)?\[(\d+)\]")


class Report:
    """Collects messages, and knows which components of the request nobody could read."""

    def __init__(self, unread: Sequence[Message]) -> None:
        self.faults: list[Message] = list(unread)
        self.warnings: list[Message] = []
        self.remarks: list[Message] = []
        self._dropped: dict[str, set[int]] = {}
        for message in unread:
            found = _DROPPED.fullmatch(message.values.get("place", ""))
            if found:
                part = "volumes" if found["rest"].startswith(".volumes") else found["part"]
                index = _INDEX.fullmatch(found["rest"])
                self._dropped.setdefault(part, set()).add(int(index[1]) if index else 0)

    def refuse(self, fault: Message) -> None:
        self.faults.append(fault)

    def correct(self, place: str, value: object, reason: str, to: object) -> None:
        """What is at `place` cannot be; `to` can, or leaving it out where that is None."""
        change = REMOVE if to is None else {"to": to}
        self.refuse(
            BAD_VALUE(place=place, value=value, reason=reason, path=place, from_=value, **change)
        )

    def require(self, place: str, text: str | None) -> bool:
        """Whether it is there and says something; it must."""
        if is_blank(text):
            self.refuse(MISSING_PART(part=place, path=place))
            return False
        return True

    def warn(self, warning: Message) -> None:
        self.warnings.append(warning)

    def assume(self, place: str, value: str) -> None:
        """Something was not given, and this is taken instead."""
        self.remarks.append(DEFAULTED(place=place, value=value))

    def is_unread(self, part: str) -> bool:
        """Whether the request has such a part (`storage`, ...) that could not be read."""
        return part in self._dropped

    def places(self, part: str, number: int) -> list[str]:
        """`data[0]`, `data[2]`: where in the request each one that could be read is."""
        dropped = self._dropped.get(part, set())
        prefix = "compute.volumes" if part == "volumes" else part
        return [f"{prefix}[{i}]" for i in islice((i for i in count() if i not in dropped), number)]


def is_blank(text: str | None) -> bool:
    """Whether this says nothing."""
    return text is None or not text.strip()


def listed(names: Iterable[str]) -> str:
    """Some of the names, for people: a message stays short however long the request is."""
    known = [short(name) for name in names]
    more = f" and {len(known) - _LISTED} more" if len(known) > _LISTED else ""
    return ", ".join(known[:_LISTED]) + more or "none"


def short(text: str) -> str:
    return text if len(text) <= _LENGTH else text[:_LENGTH] + "..."
