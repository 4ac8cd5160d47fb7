"""Takes a session through the methods of a platform as the steps do, for tests."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar
from uuid import UUID, uuid4, uuid5

import msgspec

from execution_broker.domain.demand import COMPUTE, EXECUTABLE, data_key, storage_key
from execution_broker.models.component import LifecycleComponent, Metadata
from execution_broker.models.executable import Executable
from execution_broker.models.execution import Connector, ExecutionSession
from execution_broker.models.message import Message
from execution_broker.models.resources import (
    Data,
    Range,
    SimpleCompute,
    SimpleStorage,
    SimpleVolume,
)
from execution_broker.ports.data import Stage
from execution_broker.ports.platform import (
    Collected,
    Done,
    Life,
    Observation,
    Order,
    Outcome,
    Platform,
)

_PATIENCE: Final = 120.0
_POLL: Final = 0.05
T = TypeVar("T")
OUTPUTS: Final = 16
"""MiB of outputs that a course asks to be kept."""


class Course:
    """One session, and all that its steps would ask of a platform.

    `make` gives the platform to ask: a new object each time tells whether anything was kept in
    memory that belongs outside.
    """

    def __init__(
        self,
        make: Callable[[], Platform],
        stage: Stage,
        executable: Executable,
        *,
        data: Sequence[Data] = (),
        volumes: Sequence[SimpleVolume] = (),
        storage: int = 1,
        owner: str = "an.owner@example.org",
    ) -> None:
        """Data goes to the one storage there is, of `storage` GiB. Volumes name it `storage`, and
        data by its name. `later`: how far the broker's clock is ahead of this machine's."""
        self.session = uuid4()
        self.owner = owner
        self.document = _document(executable, data, volumes, storage)
        self.ends: datetime | None = datetime.now(UTC) + timedelta(hours=1)
        self.later = timedelta()
        self.handles: dict[str, str] = {}
        self.facts: dict[str, Mapping[str, Any]] = {}
        self.connectors: tuple[Connector, ...] = ()
        self.messages: list[Message] = []
        self.progress: list[tuple[int, int | None, str]] = []
        self.output: dict[str, bytes] = {"stdout": b"", "stderr": b""}
        self._make = make
        self._stage = stage

    def order(self, key: str) -> Order:
        component = _components(self.document)[key]
        assert component.meta is not None
        assert component.meta.uuid is not None
        return Order(
            session=self.session,
            owner=self.owner,
            name=str(uuid5(UUID(component.meta.uuid), "external")),
            key=key,
            component=component,
            document=self.document,
            handles=dict(self.handles),
            facts=dict(self.facts),
            outputs=OUTPUTS,
            now=datetime.now(UTC) + self.later,
            ends=self.ends,
            stage=self._stage,
            progress=lambda *now: self.progress.append(now),
        )

    async def prepare(self) -> None:
        await self.prepare_storage()
        for index, _ in enumerate(self.document.data):
            await self.ask(lambda platform, order: platform.prepare_data(order), data_key(index))
        await self.ask(lambda platform, order: platform.prepare_executable(order), EXECUTABLE)
        await self.ask(lambda platform, order: platform.prepare_compute(order), COMPUTE)

    async def prepare_storage(self) -> None:
        await self.ask(lambda platform, order: platform.prepare_storage(order), storage_key(0))

    async def start(self) -> None:
        await self.ask(lambda platform, order: platform.start(order), COMPUTE)

    async def watch(self) -> Observation:
        seen = {name: len(data) for name, data in self.output.items()}
        observation = await self._make().watch(self.order(COMPUTE), seen)
        for part in observation.streams:
            assert part.offset == len(self.output[part.stream]), "a gap, or bytes seen before"
            self.output[part.stream] += part.data
        return observation

    async def watch_until(self, enough: Callable[[Observation], bool]) -> Observation:
        return await until(self.watch, enough)

    async def until_ended(self) -> Observation:
        return await self.watch_until(lambda observation: observation.life is not Life.RUNNING)

    async def until_printed(self, text: bytes = b"") -> None:
        await self.watch_until(lambda _: self.output["stdout"].find(text or b"\n") >= 0)

    async def collect(self) -> Collected:
        seen = {name: len(data) for name, data in self.output.items()}
        return await self._make().collect(self.order(COMPUTE), seen)

    async def stop(self) -> None:
        await self.ask(lambda platform, order: platform.release_compute(order), COMPUTE)

    async def release(self) -> Collected:
        """In the order of the plan; the outputs are kept in between."""
        await self.stop()
        collected = await self.collect()
        await self.ask(lambda platform, order: platform.release_executable(order), EXECUTABLE)
        for index, _ in enumerate(self.document.data):
            await self.ask(lambda platform, order: platform.release_data(order), data_key(index))
        await self.ask(lambda platform, order: platform.release_storage(order), storage_key(0))
        return collected

    async def is_held(self) -> bool:
        """Whether the platform holds anything of this session."""
        holdings = await self._make().holdings()
        return any(holding.session == self.session for holding in holdings)

    async def ask(self, what: Callable[[Platform, Order], Awaitable[Outcome]], key: str) -> Done:
        """Ask until it is done, and keep what a step would keep."""
        outcome = await until(
            lambda: what(self._make(), self.order(key)), lambda answer: isinstance(answer, Done)
        )
        assert isinstance(outcome, Done)
        if outcome.handle is not None:
            self.handles[key] = outcome.handle
        if outcome.facts is not None:
            self.facts[key] = outcome.facts
        if outcome.connectors is not None:
            self.connectors = outcome.connectors
        self.messages.extend(outcome.messages)
        return outcome


class TwiceCourse(Course):
    """Asks for everything twice, the second time as if the first had been cut off at its end."""

    async def ask(self, what: Callable[[Platform, Order], Awaitable[Outcome]], key: str) -> Done:
        before = dict(self.handles), dict(self.facts)
        first = await super().ask(what, key)
        self.handles, self.facts = before
        second = await super().ask(what, key)
        assert second.handle == first.handle
        return second


async def until(look: Callable[[], Awaitable[T]], enough: Callable[[T], bool]) -> T:
    """Look again and again until it is enough; fail when it never is."""
    end = time.monotonic() + _PATIENCE
    while not enough(seen := await look()):
        assert time.monotonic() < end, f"still {seen}"
        await asyncio.sleep(_POLL)
    return seen


def _document(
    executable: Executable, data: Sequence[Data], volumes: Sequence[SimpleVolume], storage: int
) -> ExecutionSession:
    uuids = {"storage": str(uuid4())} | {name_of(one): str(uuid4()) for one in data}
    replace = msgspec.structs.replace
    return ExecutionSession(
        meta=Metadata(uuid=str(uuid4())),
        executable=replace(executable, meta=Metadata(uuid=str(uuid4()))),
        compute=SimpleCompute(
            meta=Metadata(uuid=str(uuid4())),
            cores=Range(min=1, max=1),
            memory=Range(min=1, max=1),
            volumes=tuple(replace(one, resource=uuids[one.resource or ""]) for one in volumes),
        ),
        storage=(
            SimpleStorage(
                meta=Metadata(uuid=uuids["storage"]), size=Range(min=storage, max=storage)
            ),
        ),
        data=tuple(
            replace(
                one,
                meta=Metadata(uuid=uuids[name_of(one)], name=name_of(one)),
                storage=uuids["storage"],
            )
            for one in data
        ),
    )


def _components(document: ExecutionSession) -> dict[str, LifecycleComponent]:
    assert document.executable is not None
    assert document.compute is not None
    return {
        EXECUTABLE: document.executable,
        COMPUTE: document.compute,
        **{storage_key(index): one for index, one in enumerate(document.storage)},
        **{data_key(index): one for index, one in enumerate(document.data)},
    }


def name_of(data: Data) -> str:
    assert data.meta is not None
    assert data.meta.name is not None
    return data.meta.name
