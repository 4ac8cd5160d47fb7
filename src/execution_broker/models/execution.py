"""Requests, offer sets and sessions."""

from datetime import datetime
from typing import Literal

from execution_broker.models import kinds
from execution_broker.models.base import Wire
from execution_broker.models.component import Component, Cost, Metric
from execution_broker.models.executable import Executable
from execution_broker.models.phases import SessionPhase
from execution_broker.models.resources import Compute, Data, Storage
from execution_broker.models.schedule import RequestedSchedule, Schedule


class ExecutionRequest(Wire, frozen=True):
    """What a client asks for. `costs` give upper and `metrics` lower bounds."""

    executable: Executable | None = None
    compute: Compute | None = None
    storage: tuple[Storage, ...] = ()
    data: tuple[Data, ...] = ()
    schedule: RequestedSchedule | None = None
    costs: tuple[Cost, ...] = ()
    metrics: tuple[Metric, ...] = ()


class Connector(Wire, frozen=True):
    """A way to interact with a session. `location` may let somebody in: owners only."""

    kind: str | None = None
    status: Literal["PREPARING", "AVAILABLE", "FINISHED"] | None = None
    protocol: str | None = None
    location: str | None = None


class ExecutionSession(Component, frozen=True, tag_field="kind", tag=kinds.SCHEDULED_SESSION):
    """One execution, from its offer to its end. `expires` is present only while OFFERED."""

    phase: SessionPhase | None = None
    expires: datetime | None = None
    executable: Executable | None = None
    compute: Compute | None = None
    storage: tuple[Storage, ...] = ()
    data: tuple[Data, ...] = ()
    connectors: tuple[Connector, ...] = ()
    schedule: Schedule | None = None


class OfferSetResponse(Component, frozen=True, tag_field="kind", tag=kinds.OFFERSET):
    """The answer to a request: YES with offers, or NO with messages that say why."""

    result: Literal["YES", "NO"] | None = None
    description: str | None = None
    offers: tuple[ExecutionSession, ...] = ()
