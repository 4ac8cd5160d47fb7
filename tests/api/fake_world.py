"""What the fake services know: one world for each test, which it may change."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import UUID, uuid5

from execution_broker.domain.amounts import Stretch
from execution_broker.domain.errors import (
    Forbidden,
    KeyReused,
    NotFound,
)
from execution_broker.domain.identity import Caller, Role
from execution_broker.domain.once import Once
from execution_broker.domain.paging import Page, SessionFilter
from execution_broker.models.execution import ExecutionSession, OfferSetResponse
from execution_broker.models.extensions import ResultState
from execution_broker.models.listing import Event

NOW: Final = datetime(2027, 1, 1, tzinfo=UTC)
_SPACE: Final = UUID(int=0)


@dataclass(frozen=True)
class View:
    session: ExecutionSession
    etag: str


@dataclass(frozen=True)
class Shown:
    etag: str
    body: bytes | None


@dataclass(frozen=True)
class KeptFile:
    path: Path
    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class StreamView:
    data: bytes
    total: int


@dataclass(frozen=True)
class Check:
    name: str
    fault: str | None


@dataclass(frozen=True)
class PlatformStatus:
    name: str
    description: str
    reported_at: datetime | None
    kinds: frozenset[str]
    capacity: Mapping[str, int]
    overcommitted: tuple[Stretch, ...] = ()


@dataclass
class World:
    """What the fakes share. An error put in `broken` is raised by every service but identities."""

    directory: Path
    passwords: dict[str, str] = field(default_factory=dict)
    callers: dict[str, Caller] = field(default_factory=dict)
    offers: dict[UUID, OfferSetResponse] = field(default_factory=dict)
    sessions: dict[UUID, ExecutionSession] = field(default_factory=dict)
    owners: dict[UUID, Caller] = field(default_factory=dict)
    files: dict[UUID, dict[str, KeptFile]] = field(default_factory=dict)
    result_states: dict[UUID, ResultState] = field(default_factory=dict)
    streams: dict[tuple[UUID, str], StreamView] = field(default_factory=dict)
    checks: tuple[Check, ...] = (Check("database", None),)
    statuses: tuple[PlatformStatus, ...] = ()
    broken: Exception | None = None
    tokens: dict[str, str] = field(default_factory=dict)
    discovery_urls: tuple[str, ...] = ()
    addresses: list[str] = field(default_factory=list)
    made: int = 0
    events: dict[UUID, list[Event]] = field(default_factory=dict)
    over: set[UUID] = field(default_factory=set)
    asked: list[tuple[Page, SessionFilter | None]] = field(default_factory=list)
    once: dict[tuple[int, str], tuple[Once, UUID]] = field(default_factory=dict)

    def new_uuid(self) -> UUID:
        self.made += 1
        return uuid5(_SPACE, str(self.made))

    def enter(self) -> None:
        if self.broken is not None:
            raise self.broken

    def add_account(self, username: str, password: str, role: Role) -> Caller:
        caller = Caller(len(self.callers) + 1, self.new_uuid(), username, role)
        self.passwords[username] = password
        self.callers[username] = caller
        return caller

    def repeated(self, caller: Caller, once: Once) -> UUID | None:
        known, uuid = self.once.get((caller.key, once.key), (once, None))
        if known != once:
            raise KeyReused("The key stood for another request.")
        return uuid

    def owned(self, uuid: UUID, caller: Caller) -> ExecutionSession:
        self.enter()
        if uuid not in self.sessions:
            raise NotFound(f"There is no session {uuid}.")
        if self.owners[uuid] != caller and not caller.is_administrator:
            raise Forbidden(f"The session {uuid} belongs to somebody else.")
        return self.sessions[uuid]

    def tell(self, uuid: UUID, type_: str) -> None:
        """One more event of a session."""
        events = self.events.setdefault(uuid, [])
        events.append(Event(number=len(events) + 1, type=type_, time=NOW, body={"a": type_}))

    def keep(self, uuid: UUID, path: str, content: bytes) -> Path:
        """Keep an output of a session; where it lies."""
        place = self.directory / hashlib.sha256(path.encode()).hexdigest()
        place.write_bytes(content)
        kept = KeptFile(
            place, path.rpartition("/")[2], len(content), hashlib.sha256(content).hexdigest()
        )
        self.files.setdefault(uuid, {})[path] = kept
        return place
