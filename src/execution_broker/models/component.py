"""What every component carries: identity, messages, costs, metrics, and a life cycle."""

from datetime import datetime

from execution_broker.models import kinds
from execution_broker.models.base import Wire
from execution_broker.models.message import Message, Option
from execution_broker.models.phases import ComponentPhase
from execution_broker.models.schedule import Schedule


class Metadata(Wire, frozen=True):
    """Who a component is. `uuid`, `url` and the dates are the broker's; `name` is the client's."""

    uuid: str | None = None
    name: str | None = None
    url: str | None = None
    description: str | None = None
    created: datetime | None = None
    modified: datetime | None = None
    messages: tuple[Message, ...] = ()
    options: tuple[Option, ...] = ()


class Cost(Wire, frozen=True, tag_field="kind", tag=kinds.MINMAX_COST):
    """In a request: the most it may cost (`max`). In an offer: what it will cost."""

    type: str | None = None
    description: str | None = None
    min: float | None = None
    max: float | None = None


class Metric(Wire, frozen=True, tag_field="kind", tag=kinds.MINMAX_METRIC):
    """In a request: the least performance needed (`min`). In an offer: what is provided."""

    type: str | None = None
    description: str | None = None
    min: float | None = None
    max: float | None = None


class Component(Wire, frozen=True):
    """The common part of everything that has a kind."""

    meta: Metadata | None = None
    costs: tuple[Cost, ...] = ()
    metrics: tuple[Metric, ...] = ()


class LifecycleComponent(Component, frozen=True):
    """A component that is prepared, used and released."""

    phase: ComponentPhase | None = None
    schedule: Schedule | None = None
