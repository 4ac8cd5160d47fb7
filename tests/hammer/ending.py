"""Ends sessions, as their steps would, which nobody does here; some of them late."""

import asyncio
from collections.abc import Iterable
from datetime import datetime
from functools import partial
from uuid import UUID

from execution_broker.domain import messages
from execution_broker.steps.orphans import end_bookings
from execution_broker.storage import bookings, sessions
from execution_broker.storage.database import Connection
from execution_broker.storage.records import StoredSession
from execution_broker.storage.sessions import locate
from execution_broker.transitions import ending
from tests.harness.broker import Replica


async def end(
    connection: Connection, uuids: Iterable[UUID], *, may_be_late: bool = False
) -> set[UUID]:
    """Cancel sessions that were accepted, if they live, and release them, if they are not; those
    that were released now. Where some may be late they are not released in time."""
    located = [one for uuid in uuids if (one := await locate(connection, uuid))]
    await sessions.lock(connection, {one.id for one in located})
    found = [await sessions.by_id(connection, id_) for id_ in sorted({one.id for one in located})]
    open_ = [one for one in found if one and one.accepted is not None and one.released is None]
    now = (await bookings.decide(connection, {one.platform for one in open_})).now
    if may_be_late:
        open_ = [one for one in open_ if not _will_be_late(one, now)]
    for session in open_:
        if session.ended is None:
            await ending.cancel(connection, session, messages.CANCELLED_BY(who="the hammer"), now)
        await end_bookings(connection, session)
        ending.finish(session, now)
        await sessions.save(connection, session, now)
    return {one.uuid for one in open_}


def _will_be_late(session: StoredSession, now: datetime) -> bool:
    """Every third one goes some seconds later than planned, or after that."""
    terms = session.terms
    planned = terms.latest + terms.duration + terms.release
    return session.uuid.int % 3 == 0 and now.timestamp() < planned + 5


class Ends:
    """Ends sessions early, as their steps would; those who wait share a transaction."""

    def __init__(self, made: Replica) -> None:
        self._made = made
        self._waiting: list[UUID] = []
        self._next: asyncio.Task[set[UUID]] | None = None
        self._free = asyncio.Lock()

    async def end(self, uuid: UUID) -> bool:
        """Whether it was released now."""
        self._waiting.append(uuid)
        if self._next is None:
            self._next = asyncio.create_task(self._end())
        return uuid in await self._next

    async def _end(self) -> set[UUID]:
        async with self._free:
            uuids, self._waiting, self._next = self._waiting, [], None
            work = partial(end, uuids=uuids, may_be_late=True)
            return await self._made.database.write(work)
