"""Reading what was uploaded, as any other source is read: from the database, chunk by chunk."""

from collections.abc import AsyncIterator
from typing import ClassVar

import msgspec

from execution_broker.domain import messages
from execution_broker.domain.errors import Permanent
from execution_broker.domain.naming import shown
from execution_broker.domain.uploads import CHUNK, SCHEME, uuid_of
from execution_broker.ports.data import Looked, Source
from execution_broker.storage import uploads
from execution_broker.storage.database import Connection, Database
from execution_broker.storage.uploads import Known


class UploadTransferConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing to set."""


class UploadTransfer:
    """Reads `upload:` locations. Whose they are was asked when the request was answered."""

    schemes: ClassVar[frozenset[str]] = frozenset({SCHEME})
    Config: ClassVar[type[msgspec.Struct]] = UploadTransferConfig

    def __init__(self, database: Database) -> None:
        self._database = database

    async def look(self, source: Source) -> Looked:
        """What was uploaded never changes: its name is its version."""
        return Looked((await self._known(source)).size, source.location)

    async def read(self, source: Source) -> AsyncIterator[bytes]:
        known = await self._known(source)
        for number in range(-(-known.size // CHUNK)):
            yield await self._chunk(source, known, number)

    async def close(self) -> None:
        """Nothing is held: the database belongs to the worker."""

    async def _known(self, source: Source) -> Known:
        uuid = uuid_of(source.location)

        async def work(connection: Connection) -> Known | None:
            if uuid is None:
                return None
            return await uploads.find(connection, uuid, await connection.clock())

        found = await self._database.read(work)
        if found is None:
            raise _gone(source)
        return found

    async def _chunk(self, source: Source, known: Known, number: int) -> bytes:
        found = await self._database.read(lambda c: uploads.chunk(c, known.key, number))
        if found is None:
            raise _gone(source)
        return found


def _gone(source: Source) -> Permanent:
    return Permanent(
        messages.SOURCE_FAILED(
            location=shown(source.location), reason="this upload is no longer kept"
        )
    )
