"""A transaction for many steps: each session is read once and written once, with what all of the
steps have done to it (S11)."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from execution_broker.domain.capability import Capability
from execution_broker.domain.lifecycle import StepPhase
from execution_broker.domain.measures import Measure
from execution_broker.domain.plan import StepKind
from execution_broker.storage import bookings, subscriptions, waking
from execution_broker.storage.bookings import Released
from execution_broker.storage.database import Connection, Part, Row
from execution_broker.storage.documents import decode_optional
from execution_broker.storage.frames import Frames, Kept
from execution_broker.storage.opened import Opened
from execution_broker.storage.records import LeasedStep, NewEvent, StoredSession
from execution_broker.storage.ringing import EVERY
from execution_broker.storage.waking import Planned, Woken

_PLANNING: Final = ("add_step", "set_due")
"""What changes steps that wait; written before these are read."""
_OF_STEPS: Final = ("end_step", "end_step_with", "put_back", "wake_step")
_INTENTS: Final = "intend"
_OF_THINGS: Final = ("made", "gone", "add_timing", "add_chunk", "save_stream_total")
_GATHERED: Final = frozenset((*_PLANNING, *_OF_STEPS, _INTENTS, *_OF_THINGS))
"""Statements whose rows little else of the same transaction reads: written together."""
_READING: Final = {
    "receipts": (_INTENTS, "made", "gone"),
    "stream_totals": ("save_stream_total",),
}
"""What is read for all sessions at once, and by what is gathered it is changed."""
_DROPPING: Final = "drop_chunks"
_WAKING: Final = "sleeping_steps"
_CANCELLING: Final = "cancel_unclaimed"


class Batch:
    """A Connection that knows the sessions it is about.

    What is given to `save`, and what only adds or marks rows, is written when it is flushed.
    """

    def __init__(self, connection: Connection, frames: Frames) -> None:
        self._connection = connection
        self._opened = Opened(connection, frames)
        self._planned: dict[int, dict[int, Planned]] = {}
        self._gathered: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        self._released: list[Released] = []
        self._moved: dict[int, StepPhase] = {}
        self._waking: set[int] = set()
        self._cancelled: dict[int, Mapping[str, Any]] = {}
        self._shared: dict[str, dict[int, list[Row]]] = {}
        self._capabilities: dict[int, Capability | None] = {}

    async def open(
        self, leased: Sequence[LeasedStep]
    ) -> tuple[set[tuple[int, int, UUID]], datetime]:
        """Lock these steps, and before them their sessions. Which attempts are still leased, and
        to which processors: the result of any other is void (S1). And what time it is then."""
        rows = await self._connection.rows(
            "lock_leased",
            sessions=sorted({step.session for step in leased if step.session is not None}),
            steps=sorted(step.id for step in leased),
        )
        self._planned |= self._opened.lock([row for row in rows if row["id"] is not None])
        held = {(row["step_id"], row["attempt"], row["processor_uuid"]) for row in rows}
        return held, max((row["now_at"] for row in rows), default=None) or await self.clock()

    async def session(self, id_: int) -> StoredSession:
        """A session that was opened: the same object for everyone who asks. Its `capability` is
        not read; see `capability`."""
        return await self._opened.session(id_)

    def save(self, session: StoredSession, now: datetime) -> None:
        """Write the session, its components and its new events with this transaction."""
        self._opened.save(session, now)

    def add_event(self, session: int, event: NewEvent) -> None:
        """Append to the log of a session that was opened, whether anybody has read it or not."""
        self._opened.add_event(session, event)

    async def capability(self, platform: int) -> Capability | None:
        """What the platform reported last."""
        if platform not in self._capabilities:
            row = await self._connection.row("last_capability", platform=platform)
            text = row["capability"] if row else None
            self._capabilities[platform] = decode_optional(text, Capability)
        return self._capabilities[platform]

    def end_bookings(self, platform: int, session: int, component: str | None = None) -> None:
        """End what is booked for a component, or for everything but kept outputs."""
        self._released.append(Released(platform, session, component))

    async def woken(self) -> list[Woken]:
        """Those that wait for nothing any more, as others have ended in this transaction; each
        once. They are still to be made READY, or leased."""
        await self._write_plans()
        sessions_, self._waking = sorted(self._waking), set()
        unknown = [session for session in sessions_ if session not in self._planned]
        if unknown:
            self._planned |= await waking.planned_of(self._connection, unknown)
        return [woken for session in sessions_ for woken in self._wake(self._planned[session])]

    async def flush(self, now: datetime) -> list[Woken]:
        """Write all that was gathered; the steps that have become READY by it."""
        woken = await self.woken()
        await waking.make_ready(self, woken, now)
        await subscriptions.tell(self._connection, self._opened.occasions(), now)
        await self._write(*self._steps_moved(), *self._opened.changes(now))
        await self._end_bookings()
        return woken

    def left(self) -> list[Kept]:
        """The sessions that this transaction has written, as they are when it is flushed."""
        return self._opened.left(self._planned)

    def told(self) -> list[tuple[StoredSession, NewEvent]]:
        """What was added to the logs of sessions, for whoever tells of it once it is committed."""
        return self._opened.told

    async def rows(self, statement: str, /, **values: Any) -> list[Row]:
        if statement == _WAKING:
            self._waking.update(values["sessions"])
            return []
        if statement in _READING:
            found = await self._of_all(statement, values["sessions"])
            return [row for session in values["sessions"] for row in found.get(session, [])]
        return await self._connection.rows(statement, **values)

    async def row(self, statement: str, /, **values: Any) -> Row | None:
        return await self._connection.row(statement, **values)

    async def execute(self, statement: str, /, **values: Any) -> int:
        """How many rows were changed; none of what is gathered."""
        if statement in _GATHERED:
            self._gather(statement, values)
            return 0
        if statement == _CANCELLING:
            self._cancel(values)
            return 0
        if statement == _DROPPING:
            await self._write()
        return await self._connection.execute(statement, **values)

    async def many(self, statement: str, values: Sequence[Mapping[str, Any]], /) -> None:
        if statement not in _GATHERED:
            await self._connection.many(statement, values)
            return
        for one in values:
            self._gather(statement, one)

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

    def _gather(self, statement: str, values: Mapping[str, Any]) -> None:
        self._gathered[statement].append(values)
        if statement in _PLANNING:
            self._planned.pop(values["session"], None)
        elif statement in _OF_STEPS:
            self._moved[values["id"]] = values.get("phase", StepPhase.READY)

    def _cancel(self, values: Mapping[str, Any]) -> None:
        """What was to be made READY is cancelled instead."""
        for session in values["sessions"]:
            self._cancelled[session] = values
            for id_ in self._planned.pop(session, {}):
                if self._moved.get(id_) is StepPhase.READY:
                    del self._moved[id_]

    async def _write_plans(self) -> None:
        """What changes the steps that wait, in the order in which it makes no difference whether
        it was said in another one."""
        for statement in _PLANNING:
            await self._connection.many(statement, self._gathered.pop(statement, []))
        cancelled, self._cancelled = self._cancelled, {}
        if cancelled:
            values = {**next(iter(cancelled.values())), "sessions": sorted(cancelled)}
            await self._connection.execute(_CANCELLING, **values)

    async def _of_all(self, statement: str, sessions: Collection[int]) -> dict[int, list[Row]]:
        """The rows of each of these sessions, and of those that are opened."""
        if any(self._gathered[one] for one in _READING[statement]):
            await self._write()
        found = self._shared.get(statement)
        if found is None or not found.keys() >= set(sessions):
            ids = self._opened.ids | set(sessions)
            found = {session: [] for session in ids}
            for row in await self._connection.rows(statement, sessions=sorted(ids)):
                found[row["session_id"]].append(row)
            self._shared[statement] = found
        return found

    async def _end_bookings(self) -> None:
        """The capacity locks are taken last: kept shortly."""
        released, self._released = self._released, []
        if released:
            platforms = {one.platform for one in released}
            decision = await bookings.decide(self._connection, platforms)
            parts = bookings.releasing(released, decision)
            await bookings.write(self._connection, decision, *parts)

    async def _write(self, *parts: Part) -> None:
        """These parts and what of things was gathered."""
        self._shared.clear()
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

    def _wake(self, planned: dict[int, Planned]) -> list[Woken]:
        """What of the steps of one session waits for nothing any more. It sleeps no more."""
        for id_ in planned.keys() & self._moved.keys():
            planned[id_] = planned[id_].now(self._moved[id_])
        woken = waking.woken_among(planned)
        for one in woken:
            self._moved[one.id] = StepPhase.READY
            planned[one.id] = planned[one.id].now(StepPhase.READY)
        return woken

    def _steps_moved(self) -> Sequence[Part]:
        return [(statement, self._gathered.pop(statement, [])) for statement in _OF_STEPS]
