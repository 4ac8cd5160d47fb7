"""The contract for platforms.

A plugin's test class inherits `PlatformContract`, gives its fixtures, and has its tests run over
them by pytest with pytest-asyncio. `Course` takes a session through the methods of a platform as
the steps do; tests of one's own may use it too.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar
from uuid import UUID, uuid4, uuid5

import msgspec
import pytest

from execution_broker.domain.amounts import CORES
from execution_broker.domain.demand import COMPUTE, EXECUTABLE, data_key, storage_key
from execution_broker.models.component import LifecycleComponent, Metadata
from execution_broker.models.executable import Executable
from execution_broker.models.execution import ExecutionSession
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
    Kept,
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


async def until(look: Callable[[], Awaitable[T]], enough: Callable[[T], bool]) -> T:
    """Look again and again until it is enough; fail when it never is."""
    end = time.monotonic() + _PATIENCE
    while not enough(seen := await look()):
        assert time.monotonic() < end, f"still {seen}"
        await asyncio.sleep(_POLL)
    return seen


class Workload(msgspec.Struct, frozen=True):
    """What the contract runs.

    `finishing` prints `prints` and ends well, having written a file `output` with the bytes
    `content` where it is kept. `failing` ends badly, and the message about it has the words
    `complaint`. `endless` prints, and runs until it is stopped. `data` can be staged; `finishing`
    may read it at `/input`.
    """

    finishing: Executable
    failing: Executable
    endless: Executable
    prints: bytes
    complaint: str
    output: str
    content: bytes
    data: Data | None = None


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
        data by its name."""
        self.session = uuid4()
        self.owner = owner
        self.document = _document(executable, data, volumes, storage)
        self.ends: datetime | None = datetime.now(UTC) + timedelta(hours=1)
        self.handles: dict[str, str] = {}
        self.facts: Mapping[str, Any] = {}
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
            facts=self.facts,
            outputs=OUTPUTS,
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
            self.facts = outcome.facts
        self.messages.extend(outcome.messages)
        return outcome


class TwiceCourse(Course):
    """Asks for everything twice, the second time as if the first had been cut off at its end."""

    async def ask(self, what: Callable[[Platform, Order], Awaitable[Outcome]], key: str) -> Done:
        before = dict(self.handles), self.facts
        first = await super().ask(what, key)
        self.handles, self.facts = before
        second = await super().ask(what, key)
        assert second.handle == first.handle
        return second


class PlatformContract:
    """What every platform keeps. Give `make`, `stage` and `workload`."""

    @pytest.fixture
    def make(self) -> Callable[[], Platform]:
        """Makes a new object for the same place, as another process would."""
        raise NotImplementedError

    @pytest.fixture
    def stage(self) -> Stage:
        raise NotImplementedError

    @pytest.fixture
    def workload(self) -> Workload:
        raise NotImplementedError

    @pytest.mark.asyncio
    async def test_reports_what_it_can_do(
        self, make: Callable[[], Platform], workload: Workload
    ) -> None:
        platform = make()
        capability = await platform.report()
        again = msgspec.json.decode(msgspec.json.encode(capability), type=type(capability))
        assert again == capability
        assert capability.capacity[CORES] >= 1
        assert all(amount >= 0 for amount in capability.capacity.values())
        supported = {support.kind for support in capability.executables}
        assert workload.finishing.__struct_config__.tag in supported
        assert type(platform).Config.__struct_config__.forbid_unknown_fields
        await platform.close()
        await platform.close()

    @pytest.mark.asyncio
    async def test_takes_a_session_through_its_life(
        self, make: Callable[[], Platform], stage: Stage, workload: Workload
    ) -> None:
        platform = make()
        course = _course(workload, lambda: platform, stage, workload.finishing)
        await course.prepare()
        assert await course.is_held()
        await course.start()
        observation = await course.until_ended()
        assert observation.life is Life.SUCCEEDED
        assert observation.status in (0, None)
        assert workload.prints in course.output["stdout"]
        assert (await course.watch()).streams == ()
        collected = await course.release()
        assert _kept(collected, workload.output).size == len(workload.content)
        assert len({kept.path for kept in collected.outputs}) == len(collected.outputs)
        assert not await course.is_held()
        for _ in range(2):
            await platform.forget_results(course.session)

    @pytest.mark.asyncio
    async def test_everything_can_be_asked_twice_and_of_new_objects(
        self, make: Callable[[], Platform], stage: Stage, workload: Workload
    ) -> None:
        course = _course(workload, make, stage, workload.finishing, TwiceCourse)
        await course.prepare()
        await course.start()
        assert (await course.until_ended()).life is Life.SUCCEEDED
        assert (await course.watch()).life is Life.SUCCEEDED
        assert course.output["stdout"].count(workload.prints) == 1
        await course.stop()
        first = await course.collect()
        assert (await course.collect()).outputs == first.outputs
        assert (await course.release()).outputs == first.outputs
        assert not await course.is_held()
        assert await course.release() is not None

    @pytest.mark.asyncio
    async def test_says_that_it_failed(
        self, make: Callable[[], Platform], stage: Stage, workload: Workload
    ) -> None:
        course = _course(workload, make, stage, workload.failing)
        await course.prepare()
        await course.start()
        observation = await course.until_ended()
        assert observation.life is Life.FAILED
        said = [message.message or "" for message in observation.messages]
        assert any(workload.complaint in text for text in said)
        await course.release()
        assert not await course.is_held()

    @pytest.mark.asyncio
    async def test_releasing_nothing_is_done(
        self, make: Callable[[], Platform], stage: Stage, workload: Workload
    ) -> None:
        course = _course(workload, make, stage, workload.finishing)
        assert (await course.release()).outputs == ()
        assert not await course.is_held()

    @pytest.mark.asyncio
    async def test_releases_what_was_half_prepared(
        self, make: Callable[[], Platform], stage: Stage, workload: Workload
    ) -> None:
        course = _course(workload, make, stage, workload.finishing)
        await course.prepare_storage()
        assert await course.is_held()
        course.handles.clear()
        await course.release()
        assert not await course.is_held()

    @pytest.mark.asyncio
    async def test_a_stopped_session_leaves_nothing(
        self, make: Callable[[], Platform], stage: Stage, workload: Workload
    ) -> None:
        course = _course(workload, make, stage, workload.endless)
        await course.prepare()
        await course.start()
        await course.until_printed()
        await course.release()
        assert not await course.is_held()

    @pytest.mark.asyncio
    async def test_destroys_what_nobody_owns(
        self, make: Callable[[], Platform], stage: Stage, workload: Workload
    ) -> None:
        course = _course(workload, make, stage, workload.endless)
        await course.prepare()
        await course.start()
        await course.until_printed()
        held = [one for one in await make().holdings() if one.session == course.session]
        assert held
        for holding in [*held, *held]:
            await make().destroy(holding)
        assert not await course.is_held()
        assert (await course.watch()).life in (Life.LOST, Life.FAILED)
        await course.release()


def _course(
    workload: Workload,
    make: Callable[[], Platform],
    stage: Stage,
    executable: Executable,
    kind: type[Course] = Course,
) -> Course:
    if workload.data is None:
        return kind(make, stage, executable)
    volume = SimpleVolume(path="/input", mode="READONLY", resource=_name(workload.data))
    return kind(make, stage, executable, data=[workload.data], volumes=[volume])


def _document(
    executable: Executable, data: Sequence[Data], volumes: Sequence[SimpleVolume], storage: int
) -> ExecutionSession:
    uuids = {"storage": str(uuid4())} | {_name(one): str(uuid4()) for one in data}
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
                meta=Metadata(uuid=uuids[_name(one)], name=_name(one)),
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


def _name(data: Data) -> str:
    assert data.meta is not None
    assert data.meta.name is not None
    return data.meta.name


def _kept(collected: Collected, path: str) -> Kept:
    return next(kept for kept in collected.outputs if kept.path == path)
