"""What a worker remembers of sessions from one transaction to the next."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from execution_broker.models.execution import ExecutionSession
from execution_broker.storage.database import Connection, Row
from execution_broker.storage.records import StoredSession, document_of
from execution_broker.storage.waking import Planned

_KEPT: Final = 2 << 20
"""Characters of the documents and plans that are remembered."""

_MESSAGES: Final = 32
"""A session that has said more is read again for each transaction."""


class Frame(NamedTuple):
    """What of a session never changes."""

    uuid: UUID
    offerset: int
    identity: int
    owner: str
    place: str
    platform: int
    plans: str
    document: ExecutionSession
    created: datetime
    expires: datetime
    has_secrets: bool


class Kept(NamedTuple):
    """A session as a transaction has left it, at a revision that every later write raises; with
    its steps, if they are known. What changes them writes the session, too."""

    uuid: UUID
    revision: int
    session: StoredSession
    planned: dict[int, Planned] | None


class Frames:
    """The frames that were read last: so that a document is read and decoded once, not for every
    step. With them the sessions as they were written last: nobody reads them again unless somebody
    else has written them since. Shared by the transactions of one process with one database.
    Bounded by how long they are, as a client may send long ones."""

    def __init__(self) -> None:
        self._frames: OrderedDict[int, Frame] = OrderedDict()
        self._written: dict[int, Kept] = {}
        self._lengths: dict[int, int] = {}
        self._kept = 0

    async def of(self, connection: Connection, uuids: Mapping[int, UUID]) -> dict[int, Frame]:
        """Those of these sessions. A key that is used again is another session's."""
        found = {key: self._frames.get(key) for key in uuids}
        wanted = [key for key, one in found.items() if one is None or one.uuid != uuids[key]]
        if wanted:
            for row in await connection.rows("session_frames", ids=sorted(wanted)):
                found[row["id"]] = self._frames[row["id"]] = _frame(row)
                length = sum(len(row[part] or "") for part in ("document", "asked", "plans"))
                self._kept += length - self._lengths.get(row["id"], 0)
                self._lengths[row["id"]] = length
        for key in uuids:
            if key in self._frames:  # another transaction may just have put it out
                self._frames.move_to_end(key)
        while self._kept > _KEPT:
            oldest, _ = self._frames.popitem(last=False)
            self._kept -= self._lengths.pop(oldest)
            self._written.pop(oldest, None)
        return {key: one for key, one in found.items() if one is not None}

    def keep(self, written: Iterable[Kept]) -> None:
        """What a transaction has left, once it is committed: of sessions that go on."""
        for one in written:
            session = one.session
            if session.id in self._frames and session.released is None and _is_short(session):
                self._written[session.id] = one

    def forget(self) -> None:
        """Something went wrong: a database that comes back may have lost what was written last."""
        self._written.clear()

    def take(self, row: Row) -> Kept | None:
        """What is known of a locked session, for one transaction alone, which changes it: should
        that come to nothing, it is to be read again."""
        kept = self._written.pop(row["id"], None)
        if kept is None or (kept.uuid, kept.revision) != (row["uuid"], row["revision"]):
            return None
        self._frames.move_to_end(row["id"])
        return kept


def _frame(row: Row) -> Frame:
    return Frame(
        row["uuid"],
        row["offerset_id"],
        row["identity_id"],
        row["owner"],
        row["place"],
        row["platform_id"],
        row["plans"],
        document_of(row),
        row["created_at"],
        row["expires_at"],
        bool(row["has_secrets"]),
    )


def _is_short(session: StoredSession) -> bool:
    told = (len(component.messages) for component in session.components.values())
    return len(session.messages) + sum(told) <= _MESSAGES
