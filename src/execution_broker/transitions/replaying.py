"""Derives a session again from its event log alone, and says where the stored one differs (S11)."""

from typing import Any
from uuid import UUID

import msgspec

from execution_broker.domain.errors import IllegalTransition, NotFound
from execution_broker.domain.lifecycle import move_component, move_session
from execution_broker.models.phases import ComponentPhase, SessionPhase
from execution_broker.storage import events, sessions
from execution_broker.storage.database import Connection
from execution_broker.storage.records import NewEvent, StoredSession
from execution_broker.transitions import living
from execution_broker.transitions.folding import whole


class Replayed(msgspec.Struct, frozen=True):
    """`transitions`: every phase that was entered, in words. `differences`: nothing, if the log
    leads to what is stored."""

    uuid: UUID
    events: int
    phase: SessionPhase
    transitions: tuple[str, ...]
    differences: tuple[str, ...]


async def replay(connection: Connection, uuid: UUID) -> Replayed:
    """Changes nothing. NotFound when there is no such session."""
    stored = await sessions.by_uuid(connection, uuid)
    if stored is None:
        raise NotFound(f"There is no session {uuid}.", "Check the identifier.")
    log = await events.numbered(connection, stored.id)
    log = await whole(connection, stored.id, stored.events, 0, log)
    derived = _Derived(stored)
    for number, event in log:
        derived.follow(number, event)
    derived.compare(stored)
    return Replayed(
        uuid,
        len(log),
        derived.phase,
        tuple(derived.transitions),
        tuple(derived.differences),
    )


class _Derived:
    """A session as the log tells it so far."""

    def __init__(self, stored: StoredSession) -> None:
        self.phase = SessionPhase.INITIAL
        self.components = dict.fromkeys(stored.components, ComponentPhase.INITIALIZING)
        self.messages: dict[str | None, list[Any]] = {}
        self.terms: Any = None
        self.number = 0
        self.entered: dict[SessionPhase, Any] = {}
        self.transitions: list[str] = []
        self.differences: list[str] = []

    def follow(self, number: int, event: NewEvent) -> None:
        if number != self.number + 1:
            self.differences.append(f"After event {self.number} comes event {number}.")
        self.number = number
        try:
            self._take(event)
        except (IllegalTransition, KeyError, ValueError) as error:
            self.differences.append(f"Event {number} cannot be: {error}")

    def _take(self, event: NewEvent) -> None:
        match event.type:
            case living.SESSION_PHASE:
                phase = SessionPhase(event.body["phase"])
                self._note("session", self.phase, phase, event)
                self.phase = move_session(self.phase, phase)
                self.entered[phase] = event.time
            case living.COMPONENT_PHASE:
                key = event.component or ""
                target = ComponentPhase(event.body["phase"])
                self._note(key, self.components[key], target, event)
                self.components[key] = move_component(self.components[key], target)
            case living.MESSAGE:
                self.messages.setdefault(event.component, []).append(event.body["message"])
            case living.SCHEDULE:
                self.terms = event.body["terms"]

    def _note(self, what: str, before: str, after: str, event: NewEvent) -> None:
        self.transitions.append(f"{event.time.isoformat()} {what}: {before} -> {after}")

    def compare(self, stored: StoredSession) -> None:
        self._same("events", self.number, stored.events)
        self._same("phase", self.phase, stored.phase)
        self._same("accepted", self.entered.get(SessionPhase.ACCEPTED), stored.accepted)
        self._same("started", self.entered.get(SessionPhase.RUNNING), stored.started)
        self._same("terms", self.terms, _plain(stored.terms))
        self._same("messages", self.messages.get(None, []), _plain(stored.messages))
        for key, component in stored.components.items():
            self._same(f"phase of {key}", self.components.get(key), component.phase)
            told = self.messages.get(key, [])
            self._same(f"messages of {key}", told, _plain(component.messages))

    def _same(self, what: str, derived: Any, stored: Any) -> None:
        if derived != stored:
            self.differences.append(f"{what}: the log says {derived}, stored is {stored}.")


def _plain(value: object) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))
