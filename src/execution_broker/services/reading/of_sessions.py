"""Sessions, read and written for their readers."""

from collections.abc import Mapping, Sequence
from functools import partial
from uuid import UUID

from execution_broker.domain.lifecycle import SESSION_ENDS
from execution_broker.models.execution import ExecutionSession
from execution_broker.models.message import IntegerOption
from execution_broker.services.booking.rooms import Rooms
from execution_broker.services.reading.keeping import Answer, Bounds, Key
from execution_broker.services.views import Audience, Viewing, view_for
from execution_broker.storage import sessions, sights
from execution_broker.storage.database import Database
from execution_broker.storage.sessions import Seen
from execution_broker.storage.sights import Sight


class ReadSessions:
    noun = "session"

    def __init__(self, database: Database, rooms: Rooms, viewing: Viewing) -> None:
        self._database = database
        self._rooms = rooms
        self._viewing = viewing

    async def sights(self, uuids: Sequence[UUID]) -> Mapping[UUID, Sight]:
        return await self._database.look(partial(sights.of_sessions, uuids=uuids))

    async def write(self, keys: Sequence[Key]) -> Mapping[Key, Answer]:
        uuids = list({key.uuid for key in keys})
        found = await self._database.look(partial(sessions.see_all, uuids=uuids))
        for uuid in {key.uuid for key in keys if key.audience is Audience.OWNER}:
            if uuid in found:
                await self._rooms.measure([found[uuid].session], found[uuid].now)
        return {key: self._answer(key, found[key.uuid]) for key in keys if key.uuid in found}

    def _answer(self, key: Key, seen: Seen) -> Answer:
        view = view_for(seen.session, key.audience, seen.now, self._viewing)
        return Answer(
            stamp=seen.sight.stamp,
            surroundings=seen.sight.surroundings,
            etag=view.etag,
            body=key.format.write(view.session),
            now=seen.now,
            expires=view.session.expires,
            bounds=bounds_of(view.session, key.audience),
        )


def bounds_of(session: ExecutionSession, audience: Audience) -> Bounds:
    """What it tells, or may come to tell, of how much of it can be changed."""
    if audience is Audience.PUBLIC or session.phase in SESSION_ENDS:
        return Bounds.NEVER
    options = session.meta.options if session.meta is not None else ()
    is_bounded = any(isinstance(one, IntegerOption) for one in options)
    return Bounds.SOME if is_bounded else Bounds.NONE
