"""A transaction for many steps: each session is read once and written once, with what all of the
steps have done to it (S11)."""

from collections import OrderedDict, defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from execution_broker.domain.capability import Capability
from execution_broker.domain.measures import Measure
from execution_broker.domain.plan import StepKind
from execution_broker.models.execution import ExecutionSession
from execution_broker.models.message import Message
from execution_broker.models.phases import ComponentPhase
from execution_broker.storage import bookings, events, sessions, steps
from execution_broker.storage.database import Connection, Part, Row
from execution_broker.storage.documents import decode, decode_optional
from execution_broker.storage.records import NewEvent, Progress, StoredComponent, StoredSession
from execution_broker.storage.ringing import EVERY
from execution_broker.storage.steps import Woken

_KEPT: Final = 2 << 20
"""Characters of the documents and plans that are remembered."""

_OF_STEPS: Final = ("put_back", "end_step")
_INTENTS: Final = "intend"
_OF_THINGS: Final = ("made", "gone", "add_timing", "add_chunk", "save_stream_total")
_GATHERED: Final = frozenset((*_OF_STEPS, _INTENTS, *_OF_THINGS))
"""Statements whose rows little else of the same transaction reads: written together."""
_READING: Final = frozenset(("receipts", "stream_totals", "drop_chunks"))
"""What has to find what was gathered before."""
_NOTHING: Final = "null"
"""The result of a step that has none."""
_WAKING: Final = "sleeping_steps"


class Frame(NamedTuple):
    """What of a session never changes."""

    uuid: UUID
    offerset: int
    identity: int
    owner: str
    platform: int
    plans: str
    document: ExecutionSession
    created: datetime
    expires: datetime


class Frames:
    """The frames that were read last: so that a document is read and decoded once, not for every
    step. Shared by the transactions of one process with one database. Bounded by how long they
    are, as a client may send long ones."""

    def __init__(self) -> None:
        self._frames: OrderedDict[int, Frame] = OrderedDict()
        self._lengths: dict[int, int] = {}
        self._kept = 0

    async def of(self, connection: Connection, uuids: Mapping[int, UUID]) -> dict[int, Frame]:
        """Those of these sessions. A key that is used again is another session's."""
        found = {key: self._frames.get(key) for key in uuids}
        wanted = [key for key, one in found.items() if one is None or one.uuid != uuids[key]]
        if wanted:
            for row in await connection.rows("session_frames", ids=sorted(wanted)):
                found[row["id"]] = self._frames[row["id"]] = _frame(row)
                length = len(row["document"]) + len(row["plans"])
                self._kept += length - self._lengths.get(row["id"], 0)
                self._lengths[row["id"]] = length
        for key in uuids:
            if key in self._frames:  # another transaction may just have put it out
                self._frames.move_to_end(key)
        while self._kept > _KEPT:
            oldest, _ = self._frames.popitem(last=False)
            self._kept -= self._lengths.pop(oldest)
        return {key: one for key, one in found.items() if one is not None}


class Batch:
    """A Connection that knows the sessions it is about.

    What is given to `save`, and what only adds or marks rows, is written when it is flushed.
    """

    def __init__(self, connection: Connection, frames: Frames) -> None:
        self._connection = connection
        self._frames = frames
        self._locked: dict[int, Row] = {}
        self._sessions: dict[int, StoredSession] = {}
        self._events: list[tuple[int, NewEvent]] = []
        self._before: dict[int, Any] = {}
        self._changed: set[int] = set()
        self._gathered: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._ending: list[tuple[int, int, str | None]] = []
        self._ended: dict[str, list[int]] = defaultdict(list)
        self._waking: set[int] = set()
        self._capabilities: dict[int, Capability | None] = {}

    async def open(self, ids: Collection[int]) -> None:
        """Lock these sessions, in id order, before everything else."""
        if ids:
            for row in await self._connection.rows("lock_living", ids=sorted(ids)):
                self._locked[row["id"]] = row

    async def session(self, id_: int) -> StoredSession:
        """A session that was opened: the same object for everyone who asks. Its `capability` is
        not read; see `capability`."""
        if id_ not in self._sessions:
            await self._read()
        return self._sessions[id_]

    def save(self, session: StoredSession, now: datetime) -> None:
        """Write the session, its components and its new events with this transaction."""
        if session.new_events:
            session.modified = now
        self._changed.add(session.id)

    def add_event(self, session: int, event: NewEvent) -> None:
        """Append to the log of a session that was opened, whether anybody has read it or not."""
        if session in self._sessions:
            self._sessions[session].new_events.append(event)
            self.save(self._sessions[session], event.time)
        else:
            self._events.append((session, event))

    async def capability(self, platform: int) -> Capability | None:
        """What the platform reported last."""
        if platform not in self._capabilities:
            row = await self._connection.row("last_capability", platform=platform)
            text = row["capability"] if row else None
            self._capabilities[platform] = decode_optional(text, Capability)
        return self._capabilities[platform]

    def end_bookings(self, platform: int, session: int, component: str | None = None) -> None:
        """End what is booked for a component, or for everything but kept outputs."""
        self._ending.append((platform, session, component))

    async def advance(self, now: datetime) -> list[Woken]:
        """Write which steps have ended or are put back; those that wait for nothing any more by
        it, which are still to be made READY, or leased."""
        for statement in _OF_STEPS:
            await self._connection.many(statement, self._gathered.pop(statement, []))
        for phase, ids in self._ended.items():
            await self._connection.execute("end_steps", ids=sorted(ids), phase=phase, now=now)
        self._ended.clear()
        if not self._waking:
            return []
        waking, self._waking = sorted(self._waking), set()
        return await steps.woken_of(self._connection, waking)

    async def flush(self, now: datetime) -> list[Woken]:
        """Write all that was gathered; the steps that have become READY by it."""
        woken = await self.advance(now)
        if woken:
            await steps.make_ready(self._connection, woken)
        await self._write(*await self._changes(now))
        await self._end_bookings(now)
        return woken

    async def rows(self, statement: str, /, **values: Any) -> list[Row]:
        if statement == _WAKING:
            self._waking.update(values["sessions"])
            return []
        if statement in _READING:
            await self._write()
        return await self._connection.rows(statement, **values)

    async def row(self, statement: str, /, **values: Any) -> Row | None:
        return await self._connection.row(statement, **values)

    async def execute(self, statement: str, /, **values: Any) -> int:
        """How many rows were changed; none of what is gathered."""
        if statement == "end_step" and values["result"] == _NOTHING:
            self._ended[values["phase"]].append(values["id"])
            return 0
        if statement in _GATHERED:
            self._gathered[statement].append(values)
            return 0
        if statement in _READING:
            await self._write()
        return await self._connection.execute(statement, **values)

    async def many(self, statement: str, values: Sequence[Mapping[str, Any]], /) -> None:
        await self._connection.many(statement, values)

    async def all(self, *parts: Part) -> None:
        await self._connection.all(*parts)

    async def each(self, statement: str, values: Sequence[Mapping[str, Any]], /) -> list[Row]:
        return await self._connection.each(statement, values)

    async def clock(self) -> datetime:
        return await self._connection.clock()

    def ring(self, kinds: Collection[StepKind] = EVERY) -> None:
        self._connection.ring(kinds)

    def measure(self, what: Measure, *labels: str, value: float = 1) -> None:
        self._connection.measure(what, *labels, value=value)

    async def _end_bookings(self, now: datetime) -> None:
        """The capacity locks are taken last, by what advances their versions: kept shortly."""
        if not self._ending:
            return
        ending, self._ending = self._ending, []
        platforms = sorted({platform for platform, _, _ in ending})
        versions = {one: await bookings.advance(self._connection, one, now) for one in platforms}
        parts: dict[str, list[dict[str, Any]]] = {"end_component": [], "end_session_bookings": []}
        for platform, session, component in ending:
            values = {"session": session, "version": versions[platform], "now": now}
            if component is None:
                parts["end_session_bookings"].append(values)
            else:
                parts["end_component"].append({**values, "component": component})
        for statement, rows in parts.items():
            await self._connection.many(statement, rows)

    async def _write(self, *parts: Part) -> None:
        """These parts and what of things was gathered."""
        gathered = [(statement, self._gathered.pop(statement, [])) for statement in _OF_THINGS]
        intents = self._gathered.pop(_INTENTS, [])
        if {(one["session"], one["component"]) for one in intents} & {
            (one["session"], one["component"]) for _, rows in gathered[:2] for one in rows
        }:
            await self._connection.many(_INTENTS, intents)
            intents = []
        parts = (*parts, (_INTENTS, intents), *gathered)
        if any(rows for _, rows in parts):
            await self._connection.all(*parts)

    async def _read(self) -> None:
        """All that were opened, at once."""
        found = self._locked
        frames = await self._frames.of(
            self._connection, {key: row["uuid"] for key, row in found.items()}
        )
        for key, row in found.items():
            self._sessions[key] = _session(row, frames[key])
        for row in await self._connection.rows("components", sessions=list(found)):
            component = _component(row)
            self._sessions[row["session_id"]].components[component.key] = component
            self._before[component.id] = _living(component)

    async def _changes(self, now: datetime) -> Sequence[Part]:
        """What writes the sessions that were given to `save`, and their components."""
        new, self._events = self._events, []
        unread = [(session, event) for session, event in new if session not in self._sessions]
        await events.add_all(self._connection, unread, now)
        for session, event in new:
            if session in self._sessions:
                self.add_event(session, event)
        changed = [self._sessions[id_] for id_ in sorted(self._changed)]
        self._changed.clear()
        parts = [
            component
            for session in changed
            for component in session.components.values()
            if self._before[component.id] != _living(component)
        ]
        self._before.update({component.id: _living(component) for component in parts})
        return *sessions.of_sessions(changed), sessions.of_components(parts)


def _frame(row: Row) -> Frame:
    return Frame(
        row["uuid"],
        row["offerset_id"],
        row["identity_id"],
        row["owner"],
        row["platform_id"],
        row["plans"],
        decode(row["document"], ExecutionSession),
        row["created_at"],
        row["expires_at"],
    )


def _session(row: Row, frame: Frame) -> StoredSession:
    return StoredSession(**frame._asdict(), capability=None, **sessions.living(row))


def _component(row: Row) -> StoredComponent:
    return StoredComponent(
        id=row["id"],
        key=row["key"],
        uuid=row["uuid"],
        phase=ComponentPhase(row["phase"]),
        handle=row["handle"],
        progress=decode_optional(row["progress"], Progress),
        messages=decode(row["messages"], list[Message]),
    )


def _living(component: StoredComponent) -> Any:
    """What is compared to know whether a component has changed: messages are only added."""
    return component.phase, component.handle, component.progress, len(component.messages)
