"""Deleting what is over."""

from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from execution_broker.storage import sign_ins
from execution_broker.storage.database import Connection

_REST: Final = ("forget_repetitions", "forget_offersets", "forget_bookings", "forget_steps")


class Forgettable(NamedTuple):
    """A session whose retention is over. `platform` is its key."""

    id: int
    uuid: UUID
    platform: int


async def forgettable(connection: Connection, before: datetime, limit: int) -> list[Forgettable]:
    rows = await connection.rows("sessions_to_forget", before=before, limit=limit)
    return [Forgettable(row["id"], row["uuid"], row["platform_id"]) for row in rows]


async def forget(connection: Connection, session: int) -> None:
    """Delete a session with all that belongs to it but its bookings, which the audit needs."""
    await connection.execute("forget_session", id=session)


async def forget_rest(connection: Connection, before: datetime, limit: int) -> bool:
    """Delete sign-ins, keys, answers nobody belongs to, bookings and probes, older than this: so
    many of each at the most. Whether there may be more."""
    deleted = [
        await sign_ins.forget(connection, before, limit),
        *[await connection.execute(statement, before=before, limit=limit) for statement in _REST],
    ]
    return max(deleted) >= limit
