"""Identities, local and of issuers, and the values of this instance."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from execution_broker.domain.identity import Caller, Role
from execution_broker.storage.database import Connection, Glance, Row


class StoredAccount(NamedTuple):
    """`version` grows with every change of the credential. `issuer` is None for local accounts."""

    caller: Caller
    password_hash: str | None
    version: int
    created: datetime
    disabled: datetime | None
    issuer: str | None = None

    @property
    def is_disabled(self) -> bool:
        return self.disabled is not None


async def add(
    connection: Connection,
    *,
    uuid: UUID,
    username: str,
    password_hash: str,
    role: Role,
    now: datetime,
) -> bool:
    """Make an account; False when the name is taken."""
    row = await connection.row(
        "add_identity",
        uuid=uuid,
        username=username,
        password_hash=password_hash,
        role=role,
        now=now,
    )
    return row is not None


async def add_subject(
    connection: Connection,
    *,
    uuid: UUID,
    username: str,
    role: Role,
    issuer: str,
    subject: str,
    now: datetime,
) -> bool:
    """Make an identity of an issuer; False when the name, or the subject, is there already."""
    row = await connection.row(
        "add_subject",
        uuid=uuid,
        username=username,
        role=role,
        issuer=issuer,
        subject=subject,
        now=now,
    )
    return row is not None


async def by_name(connection: Glance, username: str) -> StoredAccount | None:
    return _stored(await connection.row("identity_by_name", username=username))


async def by_uuid(connection: Connection, uuid: UUID) -> StoredAccount | None:
    """An identity, locked until the transaction ends."""
    return _stored(await connection.row("identity_by_uuid", uuid=uuid))


async def by_subject(connection: Glance, issuer: str, subject: str) -> StoredAccount | None:
    return _stored(await connection.row("identity_by_subject", issuer=issuer, subject=subject))


async def after(connection: Glance, key: int, most: int) -> list[StoredAccount]:
    """At most so many identities, in the order they were made, after the one with this key."""
    rows = await connection.rows("identities_after", after=key, most=most)
    return [stored for row in rows if (stored := _stored(row)) is not None]


async def change_role(connection: Connection, key: int, role: Role) -> None:
    await connection.execute("change_role", id=key, role=role)


async def change(connection: Connection, stored: StoredAccount) -> None:
    """Store password, role and whether it is disabled; what was remembered of it is void."""
    await connection.execute(
        "change_identity",
        id=stored.caller.key,
        password_hash=stored.password_hash,
        role=stored.caller.role,
        disabled=stored.disabled,
    )


async def lock(connection: Connection, identity: int) -> None:
    """Until the end of the transaction nobody else counts what belongs to it."""
    await connection.row("lock_identity", identity=identity)


async def lock_administrators(connection: Connection) -> list[int]:
    """The keys of the local administrators who may sign in, locked until the transaction ends."""
    return [row["id"] for row in await connection.rows("lock_administrators")]


async def setting(connection: Connection, name: str, value: str) -> str:
    """The value of a setting of this instance; `value` if it has none yet."""
    await connection.execute("add_setting", name=name, value=value)
    row = await connection.row("setting", name=name)
    assert row is not None
    return str(row["value"])


async def settings_like(connection: Glance, start: str) -> dict[str, str]:
    """The settings of this instance whose names begin so."""
    rows = await connection.rows("settings_like", pattern=f"{start}%")
    return {row["name"]: row["value"] for row in rows}


async def remove_setting(connection: Connection, name: str) -> None:
    await connection.execute("remove_setting", name=name)


def _stored(row: Row | None) -> StoredAccount | None:
    if row is None:
        return None
    caller = Caller(row["id"], row["uuid"], row["username"], Role(row["role"]))
    return StoredAccount(
        caller,
        row["password_hash"],
        row["version"],
        row["created_at"],
        row["disabled_at"],
        row["issuer"],
    )
