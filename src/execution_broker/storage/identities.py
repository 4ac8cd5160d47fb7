"""Local accounts, and the values of this instance."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from execution_broker.domain.identity import Caller, Role
from execution_broker.storage.database import Connection


class StoredAccount(NamedTuple):
    """`version` grows with every change of the credential."""

    caller: Caller
    password_hash: str | None
    version: int
    is_disabled: bool


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


async def by_name(connection: Connection, username: str) -> StoredAccount | None:
    row = await connection.row("identity_by_name", username=username)
    if row is None:
        return None
    caller = Caller(row["id"], row["uuid"], row["username"], Role(row["role"]))
    return StoredAccount(
        caller, row["password_hash"], row["version"], row["disabled_at"] is not None
    )


async def setting(connection: Connection, name: str, value: str) -> str:
    """The value of a setting of this instance; `value` if it has none yet."""
    await connection.execute("add_setting", name=name, value=value)
    row = await connection.row("setting", name=name)
    assert row is not None
    return str(row["value"])
