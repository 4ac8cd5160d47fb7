"""Who is meant: names and uuids of the components of one request (N1)."""

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

from execution_broker.domain.messages import AMBIGUOUS_REFERENCE, UNKNOWN_REFERENCE
from execution_broker.domain.resolve.report import Report, listed, short
from execution_broker.domain.suggesting import REMOVE
from execution_broker.models.component import Component

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

    def find(
        self, report: Report, place: str, reference: str, *, is_optional: bool = False
    ) -> T | None:
        """The one that `place` refers to, or that it is suggested to refer to. None, and reported,
        where that is none or several; to leave it out is suggested if it `is_optional`."""
        found = self._meant_by(reference)
        if len(found) == 1:
            return found[0]
        only = None if found else self._only()
        change: dict[str, object] = {}
        if only is not None:
            change = {"from_": short(reference), "to": only}
        elif is_optional:
            change = {"from_": short(reference), **REMOVE}
        values = {"place": place, "reference": short(reference), "path": place, **change}
        if found:
            report.refuse(AMBIGUOUS_REFERENCE(count=len(found), **values))
        elif self._is_whole:
            known = listed(list(self._by_name) or list(self._by_uuid))
            report.refuse(UNKNOWN_REFERENCE(target=self._target, known=known, **values))
        return self._meant_by(only)[0] if only is not None and self._is_whole else None

    def _meant_by(self, word: str) -> list[T]:
        named = self._by_name.get(word, [])
        return list(dict.fromkeys((*named, *self._by_uuid.get(word.lower(), []))))

    def _only(self) -> str | None:
        """The only word there is, where it means one component alone."""
        known = list(self._by_name) or list(self._by_uuid)
        return known[0] if len(known) == 1 and len(self._meant_by(known[0])) == 1 else None
