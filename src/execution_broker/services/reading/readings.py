"""How sessions and answers are read over and over, by many, in few statements.

First one light statement for all who ask at that time, which tells whether what was written last
still holds; the whole is read, and written again, only where it does not.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol
from uuid import UUID

from execution_broker.domain.errors import Forbidden, NotFound
from execution_broker.domain.identity import Caller
from execution_broker.formats import Format
from execution_broker.services.reading.gathering import Gathering
from execution_broker.services.reading.keeping import Answer, KeptAnswers, Key
from execution_broker.services.views import Audience, Viewing, audience
from execution_broker.storage.sights import Sight

_MOST_SIGHTS: Final = 200
_MOST_WRITTEN: Final = 16

Knows = Callable[[str], bool]
"""Whether the reader has what an entity tag stands for."""


class Source(Protocol):
    """Where one kind of thing is read. `noun` names it in errors."""

    @property
    def noun(self) -> str: ...

    async def sights(self, uuids: Sequence[UUID]) -> Mapping[UUID, Sight]:
        """Those that there are. One statement."""
        ...

    async def write(self, keys: Sequence[Key]) -> Mapping[Key, Answer]:
        """Those that there are, read and written anew."""
        ...


class Shown(NamedTuple):
    """`body` is None where the reader has it already."""

    etag: str
    body: bytes | None


def knows_nothing(_etag: str) -> bool:
    return False


class Readings:
    """Things of one kind, as they are sent to their readers."""

    def __init__(self, source: Source, kept: KeptAnswers, viewing: Viewing) -> None:
        self._noun = source.noun
        self._public = viewing.public
        self._kept = kept
        self._sights = Gathering(source.sights, _MOST_SIGHTS)
        self._written = Gathering(source.write, _MOST_WRITTEN)

    async def show(self, uuid: UUID, caller: Caller | None, format_: Format, knows: Knows) -> Shown:
        """As it is now, however many processes change it; only the bounds of what its owner can
        change may be a moment old. NotFound, Forbidden."""
        sight = await self._sights.ask(uuid)
        if sight is None:
            raise self._not_there(uuid)
        sees = audience(sight.identity, caller)
        if sees is Audience.PUBLIC and not self._public:
            raise Forbidden(f"The {self._noun} {uuid} is not yours.", "Sign in as its owner.")
        key = Key(uuid, sees, format_)
        kept = self._kept.current(key, sight)
        if kept is not None and knows(kept.etag):
            return Shown(kept.etag, None)
        if kept is None or not kept.is_fresh(sight):
            kept = await self._written.ask(key)
            if kept is None:
                raise self._not_there(uuid)
            self._kept.keep(key, kept)
        return Shown(kept.etag, None if knows(kept.etag) else kept.body)

    def _not_there(self, uuid: UUID) -> NotFound:
        return NotFound(f"There is no {self._noun} {uuid}.", "Check the address.")
