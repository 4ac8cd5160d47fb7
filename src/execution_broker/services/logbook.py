"""The log of a session, and waiting for what comes next in it."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple
from uuid import UUID

from execution_broker.domain.errors import Forbidden, NotFound
from execution_broker.domain.identity import Caller
from execution_broker.domain.lifecycle import SESSION_ENDS
from execution_broker.models.listing import Event
from execution_broker.models.phases import SessionPhase
from execution_broker.services.reading.gathering import Gathering
from execution_broker.services.views import may_see_all
from execution_broker.storage import listing
from execution_broker.storage.database import Connection, Database
from execution_broker.storage.records import NewEvent
from execution_broker.transitions.folding import whole
from execution_broker.transitions.living import SESSION_PHASE

_LOOK: Final = 1.0
"""Seconds between two looks, at the longest: not every change rings the bell."""

_REST: Final = 0.1
"""Seconds between two looks, at the shortest: the bell may ring for others."""

_MOST_PULSES: Final = 200


class LogPage(NamedTuple):
    """`is_over`: nothing can follow any more."""

    events: tuple[Event, ...]
    is_over: bool


class LogbookService:
    """Reads logs. Nothing here changes anything: an offer past its expiry has its EXPIRED event,
    stored or not."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pulses = Gathering(self._read_pulses, _MOST_PULSES)

    async def events(self, uuid: UUID, caller: Caller, after: int, limit: int) -> LogPage:
        """The events after a number, oldest first. For the owner and the administrator."""
        return await self._database.read(partial(self._events, uuid, caller, after, limit))

    async def pulse(self, uuid: UUID) -> str:
        """Differs from what it was as soon as a reader of the session would see a change."""
        return await self._pulses.ask(uuid) or ""

    async def changed(self, uuid: UUID, pulse: str, seconds: float) -> None:
        """Return as soon as a session is not what it was, or after so many seconds."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while True:
            heard = self._database.heard()
            left = deadline - loop.time()
            if left <= 0 or await self.pulse(uuid) != pulse:
                return
            await asyncio.sleep(min(_REST, left))
            await self._database.wait(min(_LOOK, max(0.0, deadline - loop.time())), heard)

    async def _read_pulses(self, uuids: Sequence[UUID]) -> Mapping[UUID, str]:
        return await self._database.look(partial(listing.pulses, uuids=uuids))

    async def _events(
        self, uuid: UUID, caller: Caller, after: int, limit: int, connection: Connection
    ) -> LogPage:
        head = await listing.log_head(connection, uuid)
        if head is None:
            raise NotFound(f"There is no session {uuid}.", "Check the address.")
        if not may_see_all(head.identity, caller):
            raise Forbidden(f"The session {uuid} is not yours.", "Sign in as its owner.")
        now = await connection.clock()
        stored = await listing.log_page(connection, head.id, after, limit)
        stored = (await whole(connection, head.id, head.events, after, stored))[:limit]
        is_expired = head.phase is SessionPhase.OFFERED and now >= head.expires
        if is_expired and after <= head.events and len(stored) < limit:
            expired = NewEvent(SESSION_PHASE, None, {"phase": SessionPhase.EXPIRED}, head.expires)
            stored.append((head.events + 1, expired))
        last = head.events + is_expired
        reached = stored[-1][0] if stored else after
        is_released = head.phase in SESSION_ENDS and head.released is not None
        return LogPage(
            tuple(_event(number, event) for number, event in stored),
            is_over=(is_expired or is_released) and reached >= last,
        )


def _event(number: int, event: NewEvent) -> Event:
    return Event(
        number=number, type=event.type, time=event.time, component=event.component, body=event.body
    )
