"""What is asked before something is cleared away: who still wants it, and who left it (S10)."""

from collections.abc import Iterable
from uuid import UUID

from execution_broker.models.execution import ExecutionSession
from execution_broker.storage.database import Connection, Glance
from execution_broker.storage.documents import decode


async def owned(connection: Connection, uuids: Iterable[UUID]) -> set[UUID]:
    """Of these sessions, those that still have steps to do: what is theirs stays."""
    rows = await connection.rows("owned_sessions", uuids=list(uuids))
    return {row["uuid"] for row in rows}


async def wanted_content(connection: Glance) -> frozenset[str]:
    """The sha256 of all that offers and sessions are still to be given, where it is known."""
    found = set()
    for row in await connection.rows("unprepared_documents"):
        document = decode(row["document"], ExecutionSession)
        parts = [document.executable, *document.data]
        checks = [getattr(part, "checks", None) for part in parts]
        found |= {one.sha256.lower() for one in checks if one is not None and one.sha256}
    return frozenset(found)


async def abandoned(connection: Connection, platform: int) -> list[int]:
    """Sessions whose release failed and may have left something."""
    rows = await connection.rows("abandoned_sessions", platform=platform)
    return [int(row["id"]) for row in rows]
