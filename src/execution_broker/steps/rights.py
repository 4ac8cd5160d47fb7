"""Who may have cached content: who can read the source that is asked for, at that time.

That somebody knows a checksum proves nothing, and neither does a place that answers: it must be
one that this content came from, or the content must be public.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from execution_broker.domain import messages
from execution_broker.domain.errors import OutsideError, Permanent
from execution_broker.domain.uploads import is_upload
from execution_broker.models.secrets import Hiding
from execution_broker.ports.data import Source, Transfer
from execution_broker.steps.files import in_thread
from execution_broker.steps.origins import Origins
from execution_broker.steps.sources import size_of

_ASKED: Final = 3
"""The most public places that are asked whether they still are."""


class Rights:
    """`transfers` by URL scheme. `hiding` says which parts of a URL are credentials."""

    def __init__(self, transfers: Mapping[str, Transfer], origins: Origins, hiding: Hiding) -> None:
        self._transfers = transfers
        self._origins = origins
        self._hiding = hiding

    def place(self, source: Source) -> str:
        """Where a source is, without secrets."""
        return self._hiding.text(source.location)

    def transfer(self, source: Source) -> Transfer:
        """What reads a source. Permanent where there is none."""
        transfer = self._transfers.get(source.scheme)
        if transfer is None:
            known = ", ".join(sorted(self._transfers)) or "none"
            raise Permanent(
                messages.NOT_ALLOWED(
                    place=f"The location of {source.name}",
                    reason=f"the scheme {source.scheme!r} cannot be read here; known: {known}",
                )
            )
        return transfer

    async def require(self, source: Source) -> None:
        """Ask a source with the credentials of whoever asks. Permanent or Transient like reading,
        where it does not answer or may not be read."""
        await self.transfer(source).look(source)

    async def permit(self, source: Source, sha256: str, size: int) -> bool:
        """Whether whoever asks for a source may have this content. Its source is asked as in
        `require`. False: only the source itself can tell."""
        told = await self.transfer(source).look(source)
        if size_of(told, source) not in (None, size):
            return False
        place = self.place(source)
        if self._is_anonymous(source):
            if place in await in_thread(self._origins.public, sha256):
                return True
        elif told.version is not None:
            version = await in_thread(self._origins.version, sha256, place)
            if version == told.version:
                return True
        return await self._is_public(source, sha256, size)

    async def note(self, source: Source, sha256: str) -> None:
        """This content was read from a source just now. OSError when that cannot be kept."""
        place = self.place(source)
        if self._is_anonymous(source):
            await in_thread(self._origins.add_public, sha256, place)
            return
        try:
            version = (await self.transfer(source).look(source)).version
        except OutsideError:
            return
        if version is not None:
            await in_thread(self._origins.add_private, sha256, place, version)

    def _is_anonymous(self, source: Source) -> bool:
        """Whether anybody may ask for this as it is asked for: an upload only its owner may."""
        return self.place(source) == source.location and not is_upload(source.location)

    async def _is_public(self, source: Source, sha256: str, size: int) -> bool:
        """Whether anybody can read it still, where somebody read it without credentials."""
        places = await in_thread(self._origins.public, sha256)
        for place in places[:_ASKED]:
            public = msgspec.structs.replace(source, location=place)
            try:
                told = await self.transfer(public).look(public)
            except OutsideError:
                continue
            if size_of(told, public) in (None, size):
                return True
        return False
