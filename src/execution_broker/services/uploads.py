"""Takes uploads, and says whose they are. Their bytes are rows, so every worker can read them."""

import hashlib
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import anyio

from execution_broker.domain.demand import EXECUTABLE, Demand, Lookup, data_key
from execution_broker.domain.errors import (
    BodyTooLarge,
    InvalidParameter,
    NotFound,
    TooMany,
)
from execution_broker.domain.identity import Caller
from execution_broker.domain.uploads import CHUNK, is_upload, location_of, uuid_of
from execution_broker.models.executable import JupyterNotebook
from execution_broker.models.extensions import Upload, UploadList
from execution_broker.models.resources import SimpleData
from execution_broker.storage import identities, uploads
from execution_broker.storage.database import Connection, Database
from execution_broker.storage.uploads import StoredUpload

MOST_LISTED: Final = 1000

_ARRIVING: Final = timedelta(hours=1)
"""An upload that has not arrived by then never will: its room is given back."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What identities may send: `most` bytes of one upload, `budget` bytes of all of one identity;
    kept for `keep`, and for a session that is offered with it until the session has begun."""

    most: int
    budget: int
    keep: timedelta


class UploadsService:
    """Short transactions; an upload takes one for each chunk, and none while it waits for bytes."""

    def __init__(
        self, database: Database, allowance: Allowance, new_uuid: Callable[[], UUID]
    ) -> None:
        self._database = database
        self._allowance = allowance
        self._new_uuid = new_uuid

    async def store(
        self,
        caller: Caller,
        name: str,
        size: int,
        sha256: str | None,
        content: AsyncIterator[bytes],
    ) -> Upload:
        """Store `size` bytes under a name. Repeatable: content that this identity has already
        uploaded under this name is that upload, which is kept longer.

        BodyTooLarge or TooMany before anything is read; InvalidParameter when other bytes arrive
        than `size` and `sha256` say. Nothing is left of what fails.
        """
        if size > self._allowance.most:
            raise BodyTooLarge(
                f"The upload has {size} bytes; one can have {self._allowance.most} at most.",
                "Put the file where the broker can read it, and give its URL.",
            )
        uuid = self._new_uuid()
        key = await self._database.write(
            lambda connection: self._reserve(connection, caller, uuid, name, size)
        )
        try:
            digest = await self._receive(key, size, content)
            _check(digest, sha256)
            return await self._database.write(
                lambda connection: self._complete(connection, caller, uuid, key, name, digest)
            )
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._database.write(lambda c: uploads.remove(c, uuid, caller.key))
            raise

    async def list(self, caller: Caller) -> UploadList:
        """The caller's uploads, the newest first."""

        async def work(connection: Connection) -> list[StoredUpload]:
            now = await connection.clock()
            return await uploads.of_identity(connection, caller.key, now, MOST_LISTED)

        return UploadList(uploads=tuple(map(_shown, await self._database.read(work))))

    async def remove(self, caller: Caller, uuid: UUID) -> None:
        """Delete an upload of the caller, whether or not something is still to use it."""
        found = await self._database.write(lambda c: uploads.remove(c, uuid, caller.key))
        if not found:
            raise NotFound(f"You have no upload {uuid}.", "List yours: GET /uploads.")

    async def look_up(self, caller: Caller, demand: Demand) -> dict[str, Lookup]:
        """The sizes of the uploads that a demand names, by component key; a fault for those that
        the caller has not, or not any more."""
        named = _named(demand)
        if not named:
            return {}
        uuids = {uuid for uuid in named.values() if uuid is not None}
        found = await self._found(caller, uuids)
        return {key: _lookup(found, uuid) for key, uuid in named.items()}

    async def keep(self, demand: Demand, until: datetime) -> None:
        """Keep the uploads that a demand names until something begun by then has read them."""
        uuids = sorted({uuid for uuid in _named(demand).values() if uuid is not None})

        async def work(connection: Connection) -> None:
            for uuid in uuids:
                await uploads.keep(connection, uuid, until + self._allowance.keep)

        if uuids:
            await self._database.write(work)

    async def _found(self, caller: Caller, uuids: Collection[UUID]) -> Mapping[UUID, StoredUpload]:
        async def work(connection: Connection) -> list[StoredUpload]:
            now = await connection.clock()
            return await uploads.among(connection, caller.key, uuids, now)

        return {one.uuid: one for one in await self._database.read(work)}

    async def _reserve(
        self, connection: Connection, caller: Caller, uuid: UUID, name: str, size: int
    ) -> int:
        await identities.lock(connection, caller.key)
        now = await connection.clock()
        taken = await uploads.taken(connection, caller.key, now)
        if taken.size + size > self._allowance.budget:
            wait = taken.expires - now if taken.expires else timedelta(0)
            raise TooMany(
                f"Your uploads have {taken.size} bytes; with these {size} they would have more"
                f" than the {self._allowance.budget} that one identity may have.",
                "Delete some (DELETE /uploads/UUID), or wait until some expire.",
                retry_after=max(1, int(wait.total_seconds())),
            )
        return await uploads.add(
            connection,
            uuid=uuid,
            identity=caller.key,
            name=name,
            size=size,
            now=now,
            expires=now + _ARRIVING,
        )

    async def _receive(self, key: int, size: int, content: AsyncIterator[bytes]) -> str:
        """Store the bytes as they come; their sha256."""
        digest = hashlib.sha256()
        waiting = bytearray()
        number = arrived = 0
        async for part in content:
            arrived += len(part)
            if arrived > size:
                break
            digest.update(part)
            waiting += part
            while len(waiting) >= CHUNK:
                await self._add(key, number, bytes(waiting[:CHUNK]))
                del waiting[:CHUNK]
                number += 1
        if arrived != size:
            raise InvalidParameter(
                f"The upload was announced with {size} bytes, and"
                f" {'more' if arrived > size else arrived} arrived.",
                "Send it again.",
            )
        if waiting:
            await self._add(key, number, bytes(waiting))
        return digest.hexdigest()

    async def _add(self, key: int, number: int, data: bytes) -> None:
        await self._database.write_soon(lambda c: uploads.add_chunk(c, key, number, data))

    async def _complete(
        self, connection: Connection, caller: Caller, uuid: UUID, key: int, name: str, sha256: str
    ) -> Upload:
        await identities.lock(connection, caller.key)
        now = await connection.clock()
        expires = now + self._allowance.keep
        known = await uploads.same(connection, caller.key, name, sha256, now)
        if known is None:
            await uploads.complete(connection, key, sha256, expires)
        else:
            await uploads.remove(connection, uuid, caller.key)
            await uploads.keep(connection, known.uuid, expires)
        (stored,) = await uploads.among(
            connection, caller.key, [uuid if known is None else known.uuid], now
        )
        return _shown(stored)


def _check(digest: str, wanted: str | None) -> None:
    if wanted is not None and digest != wanted.lower():
        raise InvalidParameter(
            f"The upload has the sha256 {digest}, not {wanted[:64]}.", "Send it again."
        )


def _named(demand: Demand) -> dict[str, UUID | None]:
    """The uploads that a demand names, by component key; None: a location that names none."""
    locations: dict[str, str | None] = {}
    if isinstance(demand.executable, JupyterNotebook):
        locations[EXECUTABLE] = demand.executable.location
    for index, part in enumerate(demand.data):
        if isinstance(part.resource, SimpleData):
            locations[data_key(index)] = part.resource.location
    return {key: uuid_of(text) for key, text in locations.items() if text and is_upload(text)}


def _lookup(found: Mapping[UUID, StoredUpload], uuid: UUID | None) -> Lookup:
    stored = None if uuid is None else found.get(uuid)
    if stored is None:
        return Lookup(fault="it is no upload of yours, or it is no longer kept; upload it again")
    return Lookup(size=stored.size)


def _shown(stored: StoredUpload) -> Upload:
    return Upload(
        uuid=str(stored.uuid),
        location=location_of(stored.uuid, stored.name),
        name=stored.name,
        size=stored.size,
        sha256=stored.sha256,
        created=stored.created,
        expires=stored.expires,
    )
