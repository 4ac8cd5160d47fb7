"""The door for platforms: places that can run sessions."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar, Protocol
from uuid import UUID

import msgspec

from execution_broker.domain.capability import Capability
from execution_broker.models.component import LifecycleComponent
from execution_broker.models.execution import Connector, ExecutionSession
from execution_broker.models.message import Message
from execution_broker.ports.data import DataKind, Progress, Stage, Transfer


class PlatformContext(msgspec.Struct, frozen=True):
    """What a platform is given when it is made.

    `instance` labels everything made outside, so that it can be found again. `directory` is the
    platform's own, below the data directory; `results` is where kept outputs go. `transfers` are by
    the URL scheme they read, `data_kinds` by the URI of their kind.
    """

    instance: UUID
    directory: Path
    results: Path
    transfers: Mapping[str, Transfer]
    data_kinds: Mapping[str, DataKind]


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What one step asks of a platform, for one component of one session.

    `name` is the external name: derived from the step, the same at every repetition.
    `handles`: what earlier steps made, by component key (`storage/0`, `compute`, ...).
    `facts`: what the platform chose to remember of the components of this session, by their keys.
    `ends` is when the session must be over, known once it has started. `now` is when this is asked,
    by the same clock, that of the broker's database: those of the machines that ask may differ.
    """

    session: UUID
    owner: str
    name: str
    key: str
    component: LifecycleComponent
    document: ExecutionSession
    handles: Mapping[str, str]
    facts: Mapping[str, Mapping[str, Any]]
    outputs: int
    now: datetime
    ends: datetime | None
    stage: Stage
    progress: Progress


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """An order was carried out. `handle` is the platform's own id of what was made.

    `facts` replaces what was remembered of the component; None leaves it.
    """

    handle: str | None = None
    facts: Mapping[str, Any] | None = None
    connectors: tuple[Connector, ...] | None = None
    messages: tuple[Message, ...] = ()


class NotYet(msgspec.Struct, frozen=True):
    """Under way, ask again: the step is put back with a growing, bounded delay.

    `seconds`: how long it will take, where the platform knows; the step is put back for as long,
    and for 5 s at most. `handle` and `facts` are kept as those of Done are: of something that takes
    long, so that it is found again.
    """

    messages: tuple[Message, ...] = ()
    seconds: float | None = None
    handle: str | None = None
    facts: Mapping[str, Any] | None = None


Outcome = Done | NotYet


class Life(Enum):
    """What became of what was started. LOST: it is gone and its end is not known."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    LOST = "lost"


class StreamPart(msgspec.Struct, frozen=True):
    """New bytes of stdout or stderr, beginning at `offset` of the whole."""

    stream: str
    offset: int
    data: bytes


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """What watching saw. `status` is the exit status where there is one.

    `seconds`: when to look again, where the platform knows that nothing will happen before; at the
    latest after 5 s. `idle`: seconds for which nothing has been done in an interactive session, as
    far as the platform knows; the broker knows what follows from that.
    """

    life: Life
    status: int | None = None
    seconds: float | None = None
    idle: float = 0.0
    messages: tuple[Message, ...] = ()
    streams: tuple[StreamPart, ...] = ()


class Kept(msgspec.Struct, frozen=True):
    """One output that was kept: `path` relative to the session's results; size in bytes."""

    path: str
    size: int
    sha256: str


class Collected(msgspec.Struct, frozen=True):
    """What `collect` kept, and the rest of the streams.

    `faults`: what is wrong with the session though it was collected; it fails of them.
    """

    outputs: tuple[Kept, ...] = ()
    messages: tuple[Message, ...] = ()
    faults: tuple[Message, ...] = ()
    streams: tuple[StreamPart, ...] = ()


class Holding(msgspec.Struct, frozen=True):
    """An external thing that carries this instance's label."""

    session: UUID
    handle: str


class Platform(Protocol):
    """A place that can run sessions. Entry point group `execution_broker.platforms`.

    Every method may be called again after it was cut off at any point, from another process on
    another machine: each first looks for what an earlier call made (by `order.name`). Permanent
    ends the session, Transient is tried again, NotYet is asked again. No method holds a secret
    in a message. Methods run at the same time for different orders.
    """

    Config: ClassVar[type[msgspec.Struct]]

    def __init__(self, name: str, config: Any, context: PlatformContext) -> None: ...

    async def report(self) -> Capability:
        """What this platform can do now. Asked regularly; never for a single request."""
        ...

    async def prepare_storage(self, order: Order) -> Outcome: ...

    async def prepare_data(self, order: Order) -> Outcome:
        """Stage one data resource into its storage, verified against its checks."""
        ...

    async def prepare_executable(self, order: Order) -> Outcome: ...

    async def prepare_compute(self, order: Order) -> Outcome:
        """Make ready so that `start` is quick. An interactive session is usable after this."""
        ...

    async def start(self, order: Order) -> Outcome:
        """Begin to execute. Called once everything is ready and the start has come."""
        ...

    async def watch(self, order: Order, seen: Mapping[str, int]) -> Observation:
        """How it goes. `seen` is how many bytes of each stream are known already."""
        ...

    async def collect(self, order: Order, seen: Mapping[str, int]) -> Collected:
        """Keep the outputs, at most `order.outputs` MiB, and the ends of the streams."""
        ...

    async def release_compute(self, order: Order) -> Outcome:
        """Done only once nothing of it runs any more. Finding nothing is Done."""
        ...

    async def release_executable(self, order: Order) -> Outcome: ...

    async def release_data(self, order: Order) -> Outcome: ...

    async def release_storage(self, order: Order) -> Outcome: ...

    async def holdings(self) -> Sequence[Holding]:
        """Everything outside that carries this instance's label."""
        ...

    async def destroy(self, holding: Holding) -> None:
        """Make it gone: called for holdings that no live session owns. Finding nothing is fine."""
        ...

    async def forget_results(self, session: UUID) -> None:
        """Delete the kept outputs of a session whose retention is over. Repeatable."""
        ...

    async def close(self) -> None: ...
