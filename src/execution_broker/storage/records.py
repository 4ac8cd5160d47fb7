"""The rows as values: what transitions and steps work on."""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec

from execution_broker.domain.amounts import Booking
from execution_broker.domain.capability import Capability
from execution_broker.domain.composition import Bid, Composition
from execution_broker.domain.offer import Terms
from execution_broker.domain.plan import Plan, StepKind
from execution_broker.models.execution import Connector, ExecutionSession, OfferSetResponse
from execution_broker.models.message import Message
from execution_broker.models.phases import ComponentPhase, SessionPhase
from execution_broker.storage.database import Row
from execution_broker.storage.documents import decode

WHOLE = 1
IN_PARTS = 2
"""The number of the format that documents are written in: each as a whole, or what the offers of
an answer have in common with the answer, and with each what it has of its own."""


Connectors = str | list[Connector]
"""Sealed (`transitions.sealed`); a list if there are none, or were stored by an older version."""


class Progress(msgspec.Struct, frozen=True):
    done: int
    total: int | None
    units: str


class Located(msgspec.Struct, frozen=True, kw_only=True):
    """Where a session is: its keys, whose it is, and the phase it had a moment ago."""

    id: int
    uuid: UUID
    offerset: int
    identity: int
    phase: SessionPhase


class StoredComponent(msgspec.Struct, kw_only=True):
    """The living part of a component. `key` is `executable`, `compute`, `storage/0`, ..."""

    id: int
    key: str
    uuid: UUID
    phase: ComponentPhase
    handle: str | None = None
    progress: Progress | None = None
    messages: list[Message] = []


SESSION_PHASE: Final = "session-phase"
"""The type of the event that a session has entered a phase."""


class NewEvent(msgspec.Struct, frozen=True):
    """An event on its way to the log. `component` is a component key or None."""

    type: str
    component: str | None
    body: dict[str, Any]
    time: datetime


class LockedOffer(msgspec.Struct, kw_only=True):
    """What of an offer changes, and what choosing between the offers of an answer depends on.

    Mutable: transitions change it in memory, and saving it writes its new events as well.
    `events` is the number of the last stored event.
    """

    id: int
    uuid: UUID
    offerset: int
    identity: int
    platform: int
    phase: SessionPhase
    events: int
    terms: Terms
    messages: list[Message] = []
    modified: datetime
    expires: datetime
    accepted: datetime | None = None
    ended: datetime | None = None
    released: datetime | None = None
    components: dict[str, StoredComponent] = {}
    new_events: list[NewEvent] = []


class StoredSession(LockedOffer, kw_only=True):
    """A session: what was offered (`document`, immutable) and its living part.

    `owner` and `place`: the names of its owner and of its platform.
    `bid`: what of the document is its own, where the rest is stored with its offer set; None where
    it was read, or is stored as a whole.
    `plans`: those of its offer set, as stored; `capability`: the last report of its platform,
    likewise.
    `trace`: the trace context of whoever accepts it, written with that and never read again here.
    `room`: how much it could have instead (`domain.growing`), where that was found out; it is
    never written.
    `name` and `description`: what its owner calls it since, None while that is as it was offered.
    `facts`: what its platform remembers, by component key.
    `has_secrets`: whether something sealed belongs to its answer, where a step reads it.
    `is_folded`: what it was born with, its components and first events, has no rows of its own,
    and `components` is empty (`transitions.folding`).
    """

    owner: str
    place: str
    plans: str
    capability: str | None
    document: ExecutionSession
    bid: Bid | None = None
    name: str | None = None
    description: str | None = None
    facts: dict[str, dict[str, Any]] = {}
    connectors: Connectors = []
    created: datetime
    started: datetime | None = None
    ends: datetime | None = None
    is_promise_broken: bool = False
    trace: str | None = None
    is_folded: bool = False
    has_secrets: bool = False
    room: Mapping[str, int] = {}

    def platform_capability(self) -> Capability | None:
        """What its platform last reported, in case something of the session is changed."""
        return None if self.capability is None else _capability(self.capability)

    def plan(self) -> Plan:
        """The plan of the platform that the session is on."""
        return _plans(self.plans)[self.platform]


class NewOfferSet(msgspec.Struct, frozen=True, kw_only=True):
    """An answer on its way to its row. `plans` by platform key, encoded. `asked`: what the
    documents of its offers have in common, encoded; None if each is stored as a whole. `secrets`:
    what was taken out of them, sealed, by component key."""

    uuid: UUID
    identity: int
    document: OfferSetResponse
    plans: str
    asked: str | None = None
    now: datetime
    expires: datetime | None
    secrets: Mapping[str, str] = {}


@lru_cache(maxsize=64)
def _capability(text: str) -> Capability:
    return msgspec.json.decode(text, type=Capability)


def document_of(row: Row) -> ExecutionSession:
    """The document of a session, from a row with its platform, and what is stored with its answer:
    `plans` and `asked`."""
    if row["asked"] is None:
        return decode(row["document"], ExecutionSession)
    plan = _plans(row["plans"])[row["platform_id"]]
    return _composition(row["asked"]).session(decode(row["document"], Bid), plan)


@lru_cache(maxsize=16)
def _composition(asked: str) -> Composition:
    """The offers of an answer are mostly read together."""
    return Composition(decode(asked, ExecutionSession))


@lru_cache(maxsize=64)
def _plans(text: str) -> dict[int, Plan]:
    """Requests of one shape have the same plans; what follows from one is found out once."""
    return msgspec.json.decode(text, type=dict[int, Plan])


class StoredOfferSet(msgspec.Struct, frozen=True, kw_only=True):
    """`document` has no offers: these are the sessions."""

    id: int
    uuid: UUID
    identity: int
    document: OfferSetResponse
    created: datetime
    expires: datetime | None


class StoredPlatform(msgspec.Struct, frozen=True, kw_only=True):
    """A platform's row: the lock of its capacity. `decided`: the time of the last decision.
    `report`: the capability as it is stored. `waiting`: seconds for which a step that begins or
    prepares a session there has been due that no worker has taken yet; 0 where not asked."""

    id: int
    name: str
    version: int
    capacity: dict[str, int]
    report: str | None = None
    reported: datetime | None = None
    decided: datetime | None = None
    waiting: int = 0

    @property
    def capability(self) -> Capability | None:
        """What it last reported."""
        return None if self.report is None else _capability(self.report)


class Origin(NamedTuple):
    """Where a session comes from: `trace` is the context of the request that accepted it."""

    session: UUID
    trace: str
    platform: str


Attempt = tuple[int, int]
"""The key of a step, and how often it was claimed: the last time by one processor."""


class LeasedStep(msgspec.Struct, frozen=True, kw_only=True):
    """A step as its processor sees it. `payload` belongs to its kind."""

    id: int
    uuid: UUID
    session: int | None
    platform: int | None
    kind: StepKind
    key: str
    component: str | None
    attempt: int
    failures: int
    lapses: int
    delays: int
    payload: dict[str, Any]
    due: datetime


class StoredBooking(msgspec.Struct, frozen=True, kw_only=True):
    """One amount over one interval, in whole epoch seconds."""

    id: int
    platform: int
    identity: int
    offerset: int
    session: int | None
    component: str | None
    name: str
    amount: int
    start: int
    end: int
    expires: datetime | None = None
    shared_from: int | None = None

    @property
    def booking(self) -> Booking:
        """As calendars count it."""
        amounts = {self.name: self.amount}
        return Booking(amounts, self.start, self.end, shared_from=self.shared_from)

    def counts_at(self, now: datetime) -> bool:
        """Whether it still holds: not if it was held and nobody answered in time."""
        return self.expires is None or now < self.expires
