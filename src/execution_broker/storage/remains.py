"""What is asked before something is cleared away: who still wants it, and who left it (S10)."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import msgspec

from execution_broker.domain.plan import RELEASES
from execution_broker.models.execution import ExecutionSession
from execution_broker.storage.database import Connection, Glance
from execution_broker.storage.documents import decode


class Unreleased(msgspec.Struct, frozen=True):
    """An ended session whose release has failed and is tried again. `steps`: the words of the
    kinds that fail; `failures`: how often in a row, at the most."""

    session: UUID
    platform: str
    ended: datetime
    steps: tuple[str, ...]
    failures: int


async def unreleased(connection: Connection) -> list[Unreleased]:
    """The sessions that hold what cannot be released now, those that ended first at the front."""
    rows = await connection.rows("unreleased", kinds=list(RELEASES))
    found: dict[UUID, Unreleased] = {}
    for row in rows:
        before = found.get(row["uuid"])
        words = (*(before.steps if before else ()), row["key"])
        most = max(row["failures"], before.failures if before else 0)
        found[row["uuid"]] = Unreleased(row["uuid"], row["name"], row["ended_at"], words, most)
    return list(found.values())


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
