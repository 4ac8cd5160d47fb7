"""What every kind of step has: load, act, apply (S1).

`load` and `apply` run inside a transaction and touch nothing else; `act` touches the outside world
and no database. The worker calls them; a kind of step never calls another.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Protocol
from uuid import UUID

import msgspec

from execution_broker.domain.capability import SiteRules
from execution_broker.domain.errors import OutsideError
from execution_broker.domain.plan import StepKind
from execution_broker.ports.platform import Platform
from execution_broker.steps.secrets import Opening
from execution_broker.steps.staging import Staging
from execution_broker.storage.batch import Batch
from execution_broker.storage.database import Database
from execution_broker.storage.records import LeasedStep

_LEAST: Final = 0.01
_LONGEST: Final = 5.0
"""Seconds. However long a platform says that something takes: it may fail before that."""
_LEFT_ALONE: Final = 60.0
"""Seconds. However long a source wants to be left alone."""


class PutBack(msgspec.Struct, frozen=True):
    """The step is not done: do it again at `due`. With `payload` it remembers something."""

    due: datetime
    payload: Mapping[str, Any] | None = None


class Completed(msgspec.Struct, frozen=True):
    """The step is done. `result` is kept with it, as JSON."""

    result: Any = None


class Failed(msgspec.Struct, frozen=True):
    """The step has failed for good; what follows from it was applied already."""


class Cancelled(msgspec.Struct, frozen=True):
    """The step is not needed any more."""


Applied = PutBack | Completed | Failed | Cancelled


class Handler(Protocol):
    """One kind of step. Stateless: one object serves all steps of its kind at the same time.

    The connection is shared with steps of other sessions, and of the same one: what a session
    was read as is what it has become, and what is saved is written once for all.
    """

    @property
    def kind(self) -> StepKind: ...

    async def load(self, connection: Batch, step: LeasedStep, now: datetime) -> Any:
        """What `act` needs, or an Applied when there is nothing to do outside.

        May store an intent (S10).
        """
        ...

    async def act(self, loaded: Any) -> Any:
        """Do it outside. Twice must equal once (S2). Permanent, Transient when it cannot."""
        ...

    async def apply(
        self, connection: Batch, step: LeasedStep, loaded: Any, result: Any, now: datetime
    ) -> Applied:
        """Store the result with all that follows from it."""
        ...

    async def fail(
        self, connection: Batch, step: LeasedStep, error: OutsideError, now: datetime
    ) -> Applied:
        """What follows when the step has failed for good."""
        ...


class World(msgspec.Struct, frozen=True):
    """What handlers are made with. Platforms, and what their operator says of them, by their key
    in the database. `executable_size`: MiB that the file of an executable may have. `opening`: what
    opens the secrets of sessions. `grace`: how long after its end a batch is still watched whose
    platform does not answer."""

    database: Database
    platforms: Mapping[int, Platform]
    sites: Mapping[int, SiteRules]
    stage: Staging
    instance: UUID
    retention: timedelta
    executable_size: int
    opening: Opening
    grace: timedelta


def asked_again(hint: float | None, delays: int) -> timedelta:
    """How long to wait before a platform is asked again: for as long as it says, bounded (S5)."""
    if hint is None:
        return growing(delays)
    return timedelta(seconds=min(max(hint, _LEAST), _LONGEST))


def left_alone(wish: float | None) -> timedelta:
    """How long who is outside is not asked again, as it wishes: bounded (S5)."""
    return timedelta(seconds=min(wish or 0.0, _LEFT_ALONE))


def growing(delays: int, first: float = 0.2, most: float = 2.0) -> timedelta:
    """How long to wait before asking again: doubling, bounded (S5)."""
    return timedelta(seconds=min(most, first * 2 ** min(delays, 16)))
