"""Who is meant: names and uuids of the components of one request (N1)."""

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

from execution_broker.domain.messages import AMBIGUOUS_REFERENCE, UNKNOWN_REFERENCE
from execution_broker.domain.resolve.report import Report, listed, short
from execution_broker.models.component import Component
from execution_broker.models.message import Message

T = TypeVar("T", bound=Hashable)


class Directory(Generic[T]):
    """Finds components by their name, or by the uuid their client gave them (in any case).

    `target` is the word for them in messages. `is_whole` is False where some of them could not
    be read: then an unknown reference may be to one of these, and is not reported.
    """

    def __init__(
        self, target: str, entries: Iterable[tuple[Component, T]], *, is_whole: bool
    ) -> None:
        self._target = target
        self._is_whole = is_whole
        self._by_name: dict[str, list[T]] = {}
        self._by_uuid: dict[str, list[T]] = {}
        for component, entry in entries:
            if component.meta and component.meta.name:
                self._by_name.setdefault(component.meta.name, []).append(entry)
            if component.meta and component.meta.uuid:
                self._by_uuid.setdefault(component.meta.uuid.lower(), []).append(entry)

    def find(self, report: Report, place: str, reference: str) -> T | None:
        """The one that `place` refers to. None, and reported, where it is none or several."""
        found = self._meant_by(reference)
        if len(found) == 1:
            return found[0]
        if found:
            report.refuse(
                AMBIGUOUS_REFERENCE(
                    place=place, reference=short(reference), count=len(found), path=place
                )
            )
        elif self._is_whole:
            report.refuse(self._unknown(place, reference))
        return None

    def _meant_by(self, word: str) -> list[T]:
        named = self._by_name.get(word, [])
        return list(dict.fromkeys((*named, *self._by_uuid.get(word.lower(), []))))

    def _unknown(self, place: str, reference: str) -> Message:
        """Suggests the only word there is, where it means one component alone."""
        known = list(self._by_name) or list(self._by_uuid)
        is_clear = len(known) == 1 and len(self._meant_by(known[0])) == 1
        only = {"from_": short(reference), "to": known[0]} if is_clear else {}
        return UNKNOWN_REFERENCE(
            place=place,
            reference=short(reference),
            target=self._target,
            known=listed(known),
            path=place,
            **only,
        )
