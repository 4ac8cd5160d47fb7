"""Rows of uploads. Whoever counts or changes what an identity has uploaded locks the identity."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from execution_broker.storage.database import Connection, Row


class StoredUpload(NamedTuple):
    """A complete upload. `size` in bytes, `sha256` in hexadecimal."""

    uuid: UUID
    name: str
    size: int
    sha256: str
    created: datetime
    expires: datetime


class Taken(NamedTuple):
    """What the uploads of an identity take, in bytes; `expires`: when the first of them does."""

    size: int
    expires: datetime | None


class Known(NamedTuple):
    """The key of a complete upload, and its size in bytes."""

    key: int
    size: int


async def taken(connection: Connection, identity: int, now: datetime) -> Taken:
    row = await connection.row("uploaded", identity=identity, now=now)
    assert row is not None, "a sum always has a row"
    return Taken(int(row["size"]), row["expires_at"])


async def add(
    connection: Connection,
    *,
    uuid: UUID,
    identity: int,
    name: str,
    size: int,
    now: datetime,
    expires: datetime,
) -> int:
    """Reserve `size` bytes for an upload that is to come; its key."""
    row = await connection.row(
        "add_upload", uuid=uuid, identity=identity, name=name, size=size, now=now, expires=expires
    )
    assert row is not None
    return int(row["id"])


async def add_chunk(connection: Connection, upload: int, number: int, data: bytes) -> None:
    await connection.execute("add_upload_chunk", upload=upload, number=number, data=data)


async def complete(connection: Connection, upload: int, sha256: str, expires: datetime) -> None:
    await connection.execute("complete_upload", upload=upload, sha256=sha256, expires=expires)


async def same(
    connection: Connection, identity: int, name: str, sha256: str, now: datetime
) -> StoredUpload | None:
    row = await connection.row("same_upload", identity=identity, name=name, sha256=sha256, now=now)
    return None if row is None else _upload(row)


async def keep(connection: Connection, uuid: UUID, until: datetime) -> None:
    """Keep it at least until then. Repeatable."""
    await connection.execute("keep_upload", uuid=uuid, expires=until)


async def of_identity(
    connection: Connection, identity: int, now: datetime, limit: int
) -> list[StoredUpload]:
    rows = await connection.rows("uploads", identity=identity, now=now, limit=limit)
    return [_upload(row) for row in rows]


async def among(
    connection: Connection, identity: int, uuids: Iterable[UUID], now: datetime
) -> list[StoredUpload]:
    """Those of these uploads that the identity has."""
    rows = await connection.rows("uploads_of", identity=identity, uuids=list(uuids), now=now)
    return [_upload(row) for row in rows]


async def find(connection: Connection, uuid: UUID, now: datetime) -> Known | None:
    row = await connection.row("upload_size", uuid=uuid, now=now)
    return None if row is None else Known(row["id"], row["size"])


async def chunk(connection: Connection, upload: int, number: int) -> bytes | None:
    row = await connection.row("upload_chunk", upload=upload, number=number)
    return None if row is None else bytes(row["data"])


async def remove(connection: Connection, uuid: UUID, identity: int) -> bool:
    """Whether the identity had it."""
    return await connection.execute("remove_upload", uuid=uuid, identity=identity) > 0


async def forget(connection: Connection, now: datetime, limit: int) -> int:
    """Delete at most so many that have expired; how many there were."""
    return await connection.execute("forget_uploads", now=now, limit=limit)


def _upload(row: Row) -> StoredUpload:
    return StoredUpload(
        row["uuid"], row["name"], row["size"], row["sha256"], row["created_at"], row["expires_at"]
    )
