"""Reads and changes sessions, and hands out what they produced."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote
from uuid import UUID

from execution_broker.domain import messages
from execution_broker.domain.errors import Forbidden, NotFound, PreconditionFailed
from execution_broker.domain.identity import Caller
from execution_broker.domain.lifecycle import SESSION_ENDS
from execution_broker.domain.offer import No
from execution_broker.domain.once import Once
from execution_broker.domain.spans import Tracer
from execution_broker.formats import Format
from execution_broker.models.component import Metadata
from execution_broker.models.execution import ExecutionSession
from execution_broker.models.extensions import ResultFile, ResultList, ResultState
from execution_broker.models.phases import SessionPhase
from execution_broker.models.reading import Reading
from execution_broker.models.update import EnumUpdate, Update
from execution_broker.services.booking.answering import Answering
from execution_broker.services.booking.changing import Change
from execution_broker.services.booking.choosing import Accept, Guard, TurnDown
from execution_broker.services.booking.composing import Stored, timed_at
from execution_broker.services.booking.desk import Desk
from execution_broker.services.booking.rooms import Rooms
from execution_broker.services.limits import RequestRate
from execution_broker.services.negotiating import Negotiated
from execution_broker.services.reading import Knows, Readings, Shown, knows_nothing
from execution_broker.services.reading.gathering import Gathering
from execution_broker.services.repeating import Repeating
from execution_broker.services.views import (
    View,
    Viewing,
    basis,
    may_see_all,
    refusal,
    view_session,
)
from execution_broker.storage import outside, sessions
from execution_broker.storage.database import Connection, Database
from execution_broker.storage.records import Located, StoredSession
from execution_broker.storage.repetitions import Outcome
from execution_broker.transitions import ending
from execution_broker.transitions.telling import tell_accepted, tell_ended

_MOST_LOCATED: Final = 200


class KeptFile(NamedTuple):
    """A kept output, ready to be sent."""

    path: Path
    name: str
    size: int
    sha256: str


class StreamView(NamedTuple):
    """What is kept of a stream; `total` bytes were written in all."""

    data: bytes
    total: int


class SessionsService:
    """One short transaction for each method."""

    def __init__(
        self,
        database: Database,
        desk: Desk,
        answering: Answering,
        rooms: Rooms,
        readings: Readings,
        rate: RequestRate,
        viewing: Viewing,
        results: Path,
        tracer: Tracer,
    ) -> None:
        self._database = database
        self._desk = desk
        self._answering = answering
        self._rooms = rooms
        self._readings = readings
        self._rate = rate
        self._viewing = viewing
        self._results = results
        self._tracer = tracer
        self._located = Gathering(self._read_located, _MOST_LOCATED)

    async def direct(
        self, caller: Caller, reading: Reading, once: Once | None = None
    ) -> ExecutionSession:
        """Accept the best offer at once; or a FAILED session that says why not, not stored.

        With `once`, a repetition gets the answer of the first time.
        """
        self._rate.take(caller.key)
        repeating = Repeating(self._database, self._viewing.ring, caller.key, once)
        found = await repeating.known() or await self._direct(caller, reading, repeating)
        if isinstance(found, Stored):
            (session,) = found.offers
            tell_accepted(session)
            return view_session(session, caller, found.now, self._viewing).session
        if isinstance(found, ExecutionSession):
            return found
        return (await self.read(found, caller)).session

    async def _direct(
        self, caller: Caller, reading: Reading, repeating: Repeating
    ) -> Stored | Outcome:
        found = await self._answering.direct(caller, reading, repeating.key)
        if not isinstance(found, Negotiated):
            return found
        assert isinstance(found.verdict, No)
        told = Metadata(messages=timed_at(found.verdict.messages, found.now))
        return await repeating.refuse(ExecutionSession(meta=told, phase=SessionPhase.FAILED))

    async def show(
        self, uuid: UUID, caller: Caller | None, format_: Format, knows: Knows = knows_nothing
    ) -> Shown:
        """What `read` gives as it is sent, with bounds that may be a moment old."""
        return await self._readings.show(uuid, caller, format_, knows)

    async def read(self, uuid: UUID, caller: Caller | None) -> View:
        seen = await self._database.look(lambda glance: sessions.see(glance, uuid))
        if seen is None:
            raise _not_there(uuid)
        if not self._viewing.public and not may_see_all(seen.session.identity, caller):
            raise _not_yours(uuid)
        if may_see_all(seen.session.identity, caller):
            await self._rooms.measure([seen.session], seen.now)
        return view_session(seen.session, caller, seen.now, self._viewing)

    async def update(
        self, uuid: UUID, caller: Caller, update: Update, expected: Collection[str] = ()
    ) -> View:
        """Accept, reject, cancel, or change an amount or a name. Conflict lists what is possible.

        PreconditionFailed, and nothing changed, if `expected` has entity tags of views and none
        has the phase, the promise and the name that the session has by now. Progress made since
        is no reason to refuse.
        """
        guard = partial(self._check_unchanged, caller, expected)
        match update:
            case EnumUpdate(path="phase" | "/phase", value="ACCEPTED"):
                located = await self._locate(uuid, caller)
                trace = self._tracer.current()
                decided = await self._desk.do(Accept(located.offerset, uuid, guard, trace))
                if decided.session.accepted == decided.now:  # not before
                    tell_accepted(decided.session)
            case EnumUpdate(path="phase" | "/phase", value="REJECTED"):
                located = await self._locate(uuid, caller)
                errand = TurnDown(located.offerset, uuid, guard, SessionPhase.REJECTED)
                decided = await self._desk.do(errand)
            case EnumUpdate(path="phase" | "/phase", value="CANCELLED"):
                await self._cancel(await self._locate(uuid, caller), caller, guard)
                return await self.read(uuid, caller)
            case _:
                located = await self._locate(uuid, caller)
                decided = await self._desk.do(
                    Change(located, guard, update, self._answering.budget)
                )
        return view_session(decided.session, caller, decided.now, self._viewing)

    async def results(self, uuid: UUID, caller: Caller) -> ResultList:
        """The kept outputs, in the order of their paths, and whether these are all."""

        async def work(connection: Connection) -> ResultList:
            session = await self._own(uuid, caller, connection)
            base = f"/sessions/{session.uuid}/results"
            return ResultList(
                results=tuple(
                    ResultFile(
                        path=one.path,
                        size=one.size,
                        sha256=one.sha256,
                        url=f"{base}/{quote(one.path)}",
                    )
                    for one in await outside.outputs(connection, session.id)
                ),
                state=await _result_state(connection, session),
            )

        return await self._database.read(work)

    async def result(self, uuid: UUID, path: str, caller: Caller) -> KeptFile:
        """One kept output. Only what is listed can be had, so that no path leads elsewhere."""
        for one in (await self.results(uuid, caller)).results:
            if one.path == path:
                file = self._results / str(uuid) / path
                return KeptFile(file, file.name, one.size, one.sha256)
        raise NotFound(f"The session {uuid} has no output {path}.", "List its results.")

    async def stream(self, uuid: UUID, name: str, caller: Caller, offset: int = 0) -> StreamView:
        """What is kept of stdout or stderr from an offset on: its beginning and its end."""

        async def work(connection: Connection) -> StreamView:
            session = await self._own(uuid, caller, connection)
            total = (await outside.seen(connection, session.id)).get(name, 0)
            data = bytearray()
            reached = offset
            for start, part in await outside.parts(connection, session.id, name, offset):
                if start > reached:
                    cut = messages.OUTPUT_CUT(stream=name, dropped=start - reached)
                    data += f"\n[{cut.message}]\n".encode()
                data += part[max(0, reached - start) :]
                reached = start + len(part)
            return StreamView(bytes(data), total)

        return await self._database.read(work)

    def _check_unchanged(
        self, caller: Caller, expected: Collection[str], session: StoredSession, now: datetime
    ) -> None:
        """PreconditionFailed if what the caller decided upon is not so any more."""
        if not expected:
            return
        view = view_session(session, caller, now, self._viewing)
        if basis(view.etag) not in map(basis, expected):
            raise PreconditionFailed(
                f"The session {session.uuid} has changed: it is {view.session.phase} now.",
                "Read it again, and send the update with its new ETag if it still makes sense.",
            )

    async def _own(self, uuid: UUID, caller: Caller, connection: Connection) -> StoredSession:
        session = await sessions.by_uuid(connection, uuid)
        if session is None:
            raise _not_there(uuid)
        if not may_see_all(session.identity, caller):
            raise _not_yours(uuid)
        return session

    async def _locate(self, uuid: UUID, caller: Caller) -> Located:
        """Where one's own session is."""
        located = await self._located.ask(uuid)
        if located is None:
            raise _not_there(uuid)
        if not may_see_all(located.identity, caller):
            raise _not_yours(uuid)
        return located

    async def _read_located(self, uuids: Sequence[UUID]) -> Mapping[UUID, Located]:
        return await self._database.look(partial(sessions.locate_all, uuids=uuids))

    async def _cancel(self, located: Located, caller: Caller, guard: Guard) -> None:
        """Cancel at once, whatever it does; cancelling what is CANCELLED changes nothing."""
        if located.phase is SessionPhase.OFFERED:
            errand = TurnDown(located.offerset, located.uuid, guard, SessionPhase.CANCELLED)
            await self._desk.do(errand)
            return

        async def work(connection: Connection) -> tuple[StoredSession, datetime] | None:
            session = await sessions.locked(connection, located.id)
            assert session is not None
            now = await connection.clock()
            guard(session, now)
            if session.phase is SessionPhase.CANCELLED:
                return None
            if session.phase in SESSION_ENDS:
                raise refusal(session, now, "cancelled")
            said = messages.CANCELLED_BY(who=caller.username)
            await ending.cancel(connection, session, said, now)
            await sessions.save(connection, session, now)
            return session, now

        cancelled = await self._database.write(work)
        if cancelled is not None:
            tell_ended(*cancelled)


async def _result_state(connection: Connection, session: StoredSession) -> ResultState:
    if session.phase not in SESSION_ENDS and session.ended is None:
        return "PENDING"
    collecting = await outside.is_collecting(connection, session.id)
    return "COLLECTING" if collecting else "COLLECTED"


def _not_there(uuid: UUID) -> NotFound:
    return NotFound(f"There is no session {uuid}.", "Check the address.")


def _not_yours(uuid: UUID) -> Forbidden:
    return Forbidden(f"The session {uuid} is not yours.", "Sign in as its owner.")
