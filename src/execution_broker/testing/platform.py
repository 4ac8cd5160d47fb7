"""The contract for platforms.

A plugin's test class inherits `PlatformContract`, gives its fixtures, and has its tests run over
them by pytest with pytest-asyncio. Tests of one's own may use `Course` too.
"""

from collections.abc import Callable

import msgspec
import pytest

from execution_broker.domain.amounts import CORES
from execution_broker.domain.demand import COMPUTE
from execution_broker.domain.errors import Permanent
from execution_broker.models.executable import Executable, JupyterNotebook
from execution_broker.models.resources import Data, SimpleVolume
from execution_broker.ports.data import Stage
from execution_broker.ports.platform import Collected, Kept, Life, Platform
from execution_broker.testing.course import Course, TwiceCourse, name_of


class Workload(msgspec.Struct, frozen=True):
    """What the contract runs.

    `finishing` prints `prints` and ends well, having written a file `output` with the bytes
    `content` where it is kept. `failing` ends badly, and the message about it has the words
    `complaint`. `endless` prints, and runs until it is stopped. `data` can be staged; `finishing`
    may read it at `/input`, a read-only volume. What is None does not apply: `interactive` can be
    used over a connector once it is prepared, `spoiling` does what it can to change `/input`.
    """

    finishing: Executable
    failing: Executable
    endless: Executable
    prints: bytes
    complaint: str
    output: str
    content: bytes
    data: Data | None = None
    interactive: Executable | None = None
    spoiling: Executable | None = None


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
    async def test_an_interactive_session_can_be_used_until_it_is_stopped(
        self, make: Callable[[], Platform], stage: Stage, workload: Workload
    ) -> None:
        if workload.interactive is None:
            pytest.skip("does not apply: no interactive sessions")
        course = _course(workload, make, stage, workload.interactive)
        await course.prepare()
        opened = course.connectors
        assert [one.status for one in opened] == ["AVAILABLE"] * len(opened)
        assert all(one.location for one in opened)
        assert opened
        await course.ask(lambda platform, order: platform.prepare_compute(order), COMPUTE)
        assert course.connectors == opened
        await course.start()
        assert (await course.watch()).life is Life.RUNNING
        await course.release()
        assert [one.status for one in course.connectors] == ["FINISHED"] * len(opened)
        assert not any(one.location for one in course.connectors)
        assert not await course.is_held()

    @pytest.mark.asyncio
    async def test_what_is_read_only_is_kept_so_or_its_change_is_told(
        self, make: Callable[[], Platform], stage: Stage, workload: Workload
    ) -> None:
        if workload.spoiling is None or workload.data is None:
            pytest.skip("does not apply: no volumes")
        course = _course(workload, make, stage, workload.spoiling)
        await course.prepare()
        await course.start()
        observation = await course.until_ended()
        collected = await course.release()
        assert observation.life is Life.FAILED or collected.faults
        assert not await course.is_held()

    @pytest.mark.asyncio
    async def test_requirements_are_names_of_packages(
        self, make: Callable[[], Platform], stage: Stage, workload: Workload
    ) -> None:
        """Where they are honoured at all; an option for an installer is none."""
        executable = workload.finishing
        capability = await make().report()
        honoured = {feature for one in capability.executables for feature in one.features}
        if "requirements" not in honoured or not isinstance(executable, JupyterNotebook):
            pytest.skip("does not apply: no requirements")
        asking = msgspec.structs.replace(executable, requirements=("--editable=.",))
        course = _course(workload, make, stage, asking)
        with pytest.raises(Permanent):
            await course.prepare()
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
    volume = SimpleVolume(path="/input", mode="READONLY", resource=name_of(workload.data))
    return kind(make, stage, executable, data=[workload.data], volumes=[volume])


def _kept(collected: Collected, path: str) -> Kept:
    return next(kept for kept in collected.outputs if kept.path == path)
