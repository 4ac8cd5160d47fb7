"""Keys under which an identity may repeat a request, and what came of it the first time."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from execution_broker.models.execution import ExecutionSession
from execution_broker.storage.database import Connection
from execution_broker.storage.documents import decode_optional, encode

Outcome = UUID | ExecutionSession
"""The offer set or session that was stored; or the refusal, which is stored nowhere else."""


class Repetition(NamedTuple):
    """`digest` is that of the request. No outcome: the transaction that took it is still open."""

    digest: str
    outcome: Outcome | None


async def find(connection: Connection, identity: int, key: str) -> Repetition | None:
    row = await connection.row("repetition", identity=identity, key=key)
    if row is None:
        return None
    return Repetition(
        row["digest"], row["uuid"] or decode_optional(row["refusal"], ExecutionSession)
    )


async def take(
    connection: Connection, identity: int, key: str, digest: str, now: datetime
) -> Repetition | None:
    """Take a key for this transaction; None if it is taken now, else what it stands for.

    Who comes second waits here until the first has committed, or takes over if that failed.
    """
    taken = await connection.execute(
        "take_repetition", identity=identity, key=key, digest=digest, now=now
    )
    return None if taken else await find(connection, identity, key)


async def settle(connection: Connection, identity: int, key: str, outcome: Outcome) -> None:
    """Say what came of a key that this transaction took."""
    is_stored = isinstance(outcome, UUID)
    await connection.execute(
        "settle_repetition",
        identity=identity,
        key=key,
        uuid=outcome if is_stored else None,
        refusal=None if is_stored else encode(outcome),
    )


async def drop(connection: Connection, identity: int, key: str) -> None:
    """Give back a key that this transaction took."""
    await connection.execute("drop_repetition", identity=identity, key=key)
