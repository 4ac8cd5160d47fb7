"""The offers of answers, for those who choose between them: locked and read at once.

Only of an offer that somebody asks for is all of it read and decoded; of those beside it, what
tells whether they are open, what they hold, and what their log goes on with.
"""

from collections.abc import Collection, Iterable
from uuid import UUID

from execution_broker.domain.offer import Terms
from execution_broker.models.message import Message
from execution_broker.models.phases import SessionPhase
from execution_broker.storage import sessions
from execution_broker.storage.database import Connection, Row
from execution_broker.storage.documents import decode
from execution_broker.storage.records import LockedOffer


async def lock(
    connection: Connection, answers: Iterable[int], whole: Collection[UUID] = ()
) -> list[LockedOffer]:
    """Lock answers: all their offers, in id order, which is the order they were offered in. Those
    named in `whole` are StoredSessions.

    No offer is ever added to an answer, so whoever has them all has the answer."""
    rows = await connection.rows("lock_offers", offersets=sorted(answers))
    wanted = [row["id"] for row in rows if row["uuid"] in whole]
    frames = await connection.rows("offer_frames", ids=wanted) if wanted else []
    of_key = {frame["id"]: frame for frame in frames}
    return [
        sessions.of_row({**row, **of_key[row["id"]]}) if row["id"] in of_key else _offer(row)
        for row in rows
    ]


def _offer(row: Row) -> LockedOffer:
    return LockedOffer(
        id=row["id"],
        uuid=row["uuid"],
        offerset=row["offerset_id"],
        identity=row["identity_id"],
        platform=row["platform_id"],
        phase=SessionPhase(row["phase"]),
        events=row["events"],
        terms=decode(row["terms"], Terms),
        messages=decode(row["messages"], list[Message]),
        modified=row["modified_at"],
        expires=row["expires_at"],
        accepted=row["accepted_at"],
        ended=row["ended_at"],
        released=row["released_at"],
    )
