"""Reads and changes sessions, and hands out what they produced."""

from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from execution_broker.domain import messages
from execution_broker.domain.errors import Conflict, Forbidden, NotFound, PreconditionFailed
from execution_broker.domain.identity import Caller
from execution_broker.domain.lifecycle import SESSION_ENDS
from execution_broker.domain.offer import No, Yes
from execution_broker.domain.once import Once
from execution_broker.models.component import Metadata
from execution_broker.models.execution import ExecutionSession
from execution_broker.models.extensions import ResultFile, ResultList
from execution_broker.models.phases import SessionPhase
from execution_broker.models.reading import Reading
from execution_broker.models.update import EnumUpdate, Update
from execution_broker.services.limits import RequestRate
from execution_broker.services.negotiating import Negotiated, Negotiator
from execution_broker.services.offers import Settling
from execution_broker.services.repeating import Repeating
from execution_broker.services.storing import Ledger, timed_at
from execution_broker.services.views import (
    View,
    Viewing,
    may_see_all,
    options,
    phase_now,
    view_session,
)
from execution_broker.storage import bookings, outside, sessions
from execution_broker.storage.database import Connection, Database
from execution_broker.storage.records import StoredSession
from execution_broker.storage.repetitions import Outcome
from execution_broker.transitions import ending, holding
from execution_broker.transitions.accepting import accept, check_offered, refuse


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
        negotiator: Negotiator,
        settling: Settling,
        rate: RequestRate,
        viewing: Viewing,
        ledger: Callable[[int], Ledger],
        results: Path,
    ) -> None:
        self._database = database
        self._negotiator = negotiator
        self._settling = settling
        self._rate = rate
        self._viewing = viewing
        self._ledger = ledger
        self._results = results

    async def direct(
        self, caller: Caller, reading: Reading, once: Once | None = None
    ) -> ExecutionSession:
        """Accept the best offer at once; or a FAILED session that says why not, not stored.

        With `once`, a repetition gets the answer of the first time.
        """
        self._rate.take(caller.key)
        repeating = Repeating(self._database, caller.key, once)
        outcome = await repeating.known() or await self._direct(caller, reading, repeating)
        if isinstance(outcome, ExecutionSession):
            return outcome
        return (await self.read(outcome, caller)).session

    async def _direct(self, caller: Caller, reading: Reading, repeating: Repeating) -> Outcome:
        found = await self._negotiator.negotiate(reading)
        if isinstance(found.verdict, No):
            told = Metadata(messages=timed_at(found.verdict.messages, found.now))
            return await repeating.refuse(ExecutionSession(meta=told, phase=SessionPhase.FAILED))
        ledger = self._ledger(caller.key)

        async def store(connection: Connection, found: Negotiated) -> UUID | None:
            verdict = found.verdict
            if isinstance(verdict, Yes):
                return await ledger.direct(connection, found, verdict)
            return None

        return await self._settling.settle(reading, repeating.storing(store))

    async def read(self, uuid: UUID, caller: Caller | None) -> View:
        return await self._database.read(partial(self._read, uuid, caller))

    async def update(
        self, uuid: UUID, caller: Caller, update: Update, expected: Collection[str] = ()
    ) -> View:
        """Accept, reject or cancel. Conflict lists what is possible now.

        PreconditionFailed, and nothing changed, if `expected` has entity tags of views and the
        caller's view has another by now.
        """
        match update:
            case EnumUpdate(path="phase" | "/phase", value="ACCEPTED"):
                change = self._accept
            case EnumUpdate(path="phase" | "/phase", value="REJECTED"):
                change = self._reject
            case EnumUpdate(path="phase" | "/phase", value="CANCELLED"):
                change = self._cancel
            case _:
                change = self._refuse_update

        async def work(connection: Connection) -> None:
            if expected:
                await self._check_unchanged(uuid, caller, expected, connection)
            await change(uuid, caller, connection)

        await self._database.write(work)
        return await self.read(uuid, caller)

    async def results(self, uuid: UUID, caller: Caller) -> ResultList:
        """The kept outputs, in the order of their paths."""

        async def work(connection: Connection) -> ResultList:
            session = await self._own(uuid, caller, connection)
            base = f"/sessions/{session.uuid}/results"
            return ResultList(
                results=tuple(
                    ResultFile(
                        path=one.path, size=one.size, sha256=one.sha256, url=f"{base}/{one.path}"
                    )
                    for one in await outside.outputs(connection, session.id)
                )
            )

        return await self._database.read(work)

    async def result(self, uuid: UUID, path: str, caller: Caller) -> KeptFile:
        """One kept output. Only what is listed can be had, so that no path leads elsewhere."""
        for one in (await self.results(uuid, caller)).results:
            if one.path == path:
                file = self._results / str(uuid) / path
                return KeptFile(file, file.name, one.size, one.sha256)
        raise NotFound(f"The session {uuid} has no output {path}.", "List its results.")

    async def stream(self, uuid: UUID, name: str, caller: Caller) -> StreamView:
        """What is kept of stdout or stderr: its beginning and its end."""

        async def work(connection: Connection) -> StreamView:
            session = await self._own(uuid, caller, connection)
            total = (await outside.seen(connection, session.id)).get(name, 0)
            data = bytearray()
            reached = 0
            for start, part in await outside.parts(connection, session.id, name):
                if start > reached:
                    cut = messages.OUTPUT_CUT(stream=name, dropped=start - reached)
                    data += f"\n[{cut.message}]\n".encode()
                data += part
                reached = start + len(part)
            return StreamView(bytes(data), total)

        return await self._database.read(work)

    async def _read(self, uuid: UUID, caller: Caller | None, connection: Connection) -> View:
        session = await _session(connection, uuid)
        if not self._viewing.public and not may_see_all(session.identity, caller):
            raise _not_yours(uuid)
        now = await connection.clock()
        return view_session(session, caller, now, self._viewing.base_url)

    async def _check_unchanged(
        self, uuid: UUID, caller: Caller, expected: Collection[str], connection: Connection
    ) -> None:
        """Locked in the order of all others, so that it stays as it is until the change is done."""
        session = await self._own(uuid, caller, connection)
        await sessions.lock_offerset(connection, session.offerset)
        locked = await sessions.locked(connection, session.id)
        assert locked is not None
        now = await connection.clock()
        view = view_session(locked, caller, now, self._viewing.base_url)
        if view.etag not in expected:
            raise PreconditionFailed(
                f"The session {uuid} has changed: it is {view.session.phase} now.",
                "Read it again, and send the update with its new ETag if it still makes sense.",
            )

    async def _own(self, uuid: UUID, caller: Caller, connection: Connection) -> StoredSession:
        session = await _session(connection, uuid)
        if not may_see_all(session.identity, caller):
            raise _not_yours(uuid)
        return session

    async def _accept(self, uuid: UUID, caller: Caller, connection: Connection) -> None:
        session = await self._own(uuid, caller, connection)
        await accept(connection, session.offerset, uuid)

    async def _reject(self, uuid: UUID, caller: Caller, connection: Connection) -> None:
        await self._turn_down(uuid, caller, SessionPhase.REJECTED, connection)

    async def _cancel(self, uuid: UUID, caller: Caller, connection: Connection) -> None:
        """Cancel at once, whatever it does; cancelling what is CANCELLED changes nothing."""
        session = await self._own(uuid, caller, connection)
        if session.phase is SessionPhase.OFFERED:
            await self._turn_down(uuid, caller, SessionPhase.CANCELLED, connection)
            return
        locked = await sessions.locked(connection, session.id)
        assert locked is not None
        if locked.phase is SessionPhase.CANCELLED:
            return
        now = await connection.clock()
        if locked.phase in SESSION_ENDS:
            raise _conflict(locked, phase_now(locked, now), "cancelled")
        said = messages.CANCELLED_BY(who=caller.username)
        await ending.cancel(connection, locked, said, now)
        await sessions.save(connection, locked, now)

    async def _turn_down(
        self, uuid: UUID, caller: Caller, phase: SessionPhase, connection: Connection
    ) -> None:
        """The client does not want this offer: what only it needed is let go at once."""
        session = await self._own(uuid, caller, connection)
        await sessions.lock_offerset(connection, session.offerset)
        offers = await sessions.of_offerset(connection, session.offerset)
        await sessions.lock(connection, [offer.id for offer in offers])
        offers = await sessions.of_offerset(connection, session.offerset)
        locked = await bookings.lock_platforms(connection, {offer.platform for offer in offers})
        now = await bookings.decision_time(connection, locked.values())
        chosen = next(offer for offer in offers if offer.uuid == uuid)
        if chosen.phase is phase:
            return
        check_offered(chosen, now)
        refuse(chosen, phase, now)
        await sessions.save(connection, chosen, now)
        rest = [offer for offer in offers if phase_now(offer, now) is SessionPhase.OFFERED]
        await holding.hold_again(connection, session.offerset, rest, now)

    async def _refuse_update(self, uuid: UUID, caller: Caller, connection: Connection) -> None:
        session = await self._own(uuid, caller, connection)
        raise _conflict(session, phase_now(session, await connection.clock()), "changed like that")


async def _session(connection: Connection, uuid: UUID) -> StoredSession:
    session = await sessions.by_uuid(connection, uuid)
    if session is None:
        raise NotFound(f"There is no session {uuid}.", "Check the address.")
    return session


def _not_yours(uuid: UUID) -> Forbidden:
    return Forbidden(f"The session {uuid} is not yours.", "Sign in as its owner.")


def _conflict(session: StoredSession, phase: SessionPhase, what: str) -> Conflict:
    possible = [
        f"{option.path} = {value}"
        for option in options(phase)
        for value in getattr(option, "values", ())
    ]
    remedy = f"Possible now: {', '.join(possible)}." if possible else "Nothing can be changed now."
    return Conflict(f"The session {session.uuid} is {phase} and cannot be {what}.", remedy)
