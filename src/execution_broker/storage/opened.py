"""The sessions that a transaction has locked: each is read once, if anybody asks for it, and
written once, if it has changed."""

from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import datetime
from typing import Any

from execution_broker.domain.notices import TOLD_IN, TOLD_WITH
from execution_broker.models.message import Message
from execution_broker.models.phases import ComponentPhase, SessionPhase
from execution_broker.models.told import Told
from execution_broker.storage import events, sessions
from execution_broker.storage.database import Connection, Part, Row
from execution_broker.storage.documents import decode, decode_optional
from execution_broker.storage.frames import Frame, Frames, Kept
from execution_broker.storage.records import (
    SESSION_PHASE,
    NewEvent,
    Progress,
    StoredComponent,
    StoredSession,
)
from execution_broker.storage.subscriptions import Occasion
from execution_broker.storage.waking import Planned


class Opened:
    """Sessions by their keys. What nobody else has written since is not read again."""

    def __init__(self, connection: Connection, frames: Frames) -> None:
        self._connection = connection
        self._frames = frames
        self._locked: dict[int, Row] = {}
        self._sessions: dict[int, StoredSession] = {}
        self._events: list[tuple[int, NewEvent]] = []
        self._before: dict[int, Any] = {}
        self._changed: set[int] = set()
        self._written: set[int] = set()
        self.told: list[tuple[StoredSession, NewEvent]] = []
        """What was added to the logs of sessions that somebody has read."""

    @property
    def ids(self) -> Set[int]:
        return self._locked.keys()

    def lock(self, rows: Sequence[Row]) -> dict[int, dict[int, Planned]]:
        """These were locked. What is known of their steps."""
        self._locked = {row["id"]: row for row in rows}
        planned: dict[int, dict[int, Planned]] = {}
        for key, row in self._locked.items():
            if (kept := self._frames.take(row)) is not None:
                self._know(kept.session)
                if kept.planned is not None:
                    planned[key] = kept.planned
        return planned

    async def session(self, id_: int) -> StoredSession:
        """The same object for everyone who asks."""
        if id_ not in self._sessions:
            await self._read()
        return self._sessions[id_]

    def save(self, session: StoredSession, now: datetime) -> None:
        """It is to be written."""
        if session.new_events:
            session.modified = now
        self._changed.add(session.id)

    def add_event(self, session: int, event: NewEvent) -> None:
        """Append to a log, whether anybody has read its session or not."""
        if session in self._sessions:
            self._sessions[session].new_events.append(event)
            self.save(self._sessions[session], event.time)
        else:
            self._events.append((session, event))

    def changes(self, now: datetime) -> Sequence[Part]:
        """What writes the sessions that are to be written, and their components, and what adds
        to the logs of others."""
        new, self._events = self._events, []
        unread = [(session, event) for session, event in new if session not in self._sessions]
        counts = {session: self._locked[session]["events"] for session, _ in unread}
        counting, telling = events.of_locked(counts, unread, now)
        for session, event in new:
            if session in self._sessions:
                self.add_event(session, event)
        changed = [self._sessions[id_] for id_ in sorted(self._changed)]
        self._written |= self._changed
        self._changed.clear()
        parts = [part for session in changed for part in self._changed_parts(session)]
        self.told += ((session, event) for session in changed for event in session.new_events)
        saving, (add_event, told) = sessions.of_sessions(changed)
        return saving, counting, (add_event, [*told, *telling[1]]), sessions.of_components(parts)

    def occasions(self) -> list[Occasion]:
        """What there may be to tell the owners of what is to be written, where they want to be
        told of their sessions. To be asked before `changes`."""
        return [
            Occasion(session.identity, session.uuid, told)
            for session in (self._sessions[id_] for id_ in sorted(self._changed))
            if self._locked[session.id]["is_subscribed"]
            for event in session.new_events
            for told in _told(event)
        ]

    def left(self, planned: Mapping[int, dict[int, Planned]]) -> list[Kept]:
        """Those that were written, as they are then, with their steps where they are known."""
        return [
            Kept(row["uuid"], row["revision"] + 1, self._sessions[key], planned.get(key))
            for key, row in self._locked.items()
            if key in self._written
        ]

    async def _read(self) -> None:
        """All that are not known, at once."""
        found = {key: row for key, row in self._locked.items() if key not in self._sessions}
        frames = await self._frames.of(
            self._connection, {key: row["uuid"] for key, row in found.items()}
        )
        read = {key: _session(row, frames[key]) for key, row in found.items()}
        for row in await self._connection.rows("components", sessions=sorted(found)):
            component = _component(row)
            read[row["session_id"]].components[component.key] = component
        for session in read.values():
            self._know(session)

    def _know(self, session: StoredSession) -> None:
        self._sessions[session.id] = session
        for component in session.components.values():
            self._before[component.id] = _living(component)

    def _changed_parts(self, session: StoredSession) -> list[StoredComponent]:
        """Its components that differ from what is stored; not any more, once they are written."""
        now = {one.id: _living(one) for one in session.components.values()}
        changed = [
            one for one in session.components.values() if self._before[one.id] != now[one.id]
        ]
        self._before |= now
        return changed


def _told(event: NewEvent) -> Iterator[Told]:
    """What there may be to tell of an event."""
    if event.type == SESSION_PHASE:
        yield from TOLD_IN.get(SessionPhase(event.body["phase"]), ())
    elif (said := event.body.get("message")) is not None and said["kind"] in TOLD_WITH:
        yield TOLD_WITH[said["kind"]]


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
