"""The simulated platform keeps the contract, and is all that its configuration says."""

import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import msgspec
import pytest

from execution_broker.domain.demand import COMPUTE, EXECUTABLE, data_key, storage_key
from execution_broker.domain.errors import ConfigurationError, Permanent
from execution_broker.models.component import Metadata
from execution_broker.models.executable import (
    Checks,
    DockerContainer,
    Image,
    JupyterNotebook,
    SingularityContainer,
)
from execution_broker.models.resources import S3Data
from execution_broker.platforms.simulated.platform import SimulatedPlatform
from execution_broker.platforms.simulated.results import content
from execution_broker.platforms.simulated.world import World
from execution_broker.ports.data import Stage
from execution_broker.ports.platform import Done, NotYet, PlatformContext
from execution_broker.testing.course import Course
from execution_broker.testing.platform import PlatformContract, Workload
from tests.platforms.simulated.courses import Make, container, outcome


class TestSimulatedPlatform(PlatformContract):
    @pytest.fixture
    def make(self, simulated: Make) -> Callable[..., SimulatedPlatform]:
        return lambda: simulated(results={"made/answer.dat": 25}, outputs=1)

    @pytest.fixture
    def stage(self, staged_nowhere: Stage) -> Stage:
        return staged_nowhere

    @pytest.fixture
    def workload(self) -> Workload:
        return Workload(
            finishing=container(),
            failing=container(SIMULATED_STATUS="3"),
            endless=JupyterNotebook(
                location="simulated://busy", mode="BATCH", parameters={"SIMULATED_RUN": "forever"}
            ),
            prints=b"is simulated.\n",
            complaint="ended with status 3",
            output="made/answer.dat",
            content=content(25),
            interactive=JupyterNotebook(location="simulated://busy"),
            data=S3Data(bucket="stars", object="a.fits", meta=Metadata(name="a.fits")),
        )


async def test_the_same_session_takes_the_same_time_everywhere(
    simulated: Make, stage: Stage
) -> None:
    """Another platform object, as in another process, waits for the same instant."""
    delays = {"prepare_compute": {"distribution": "lognormal", "median": 100, "sigma": 0.5}}
    first = Course(lambda: simulated(delays=delays), stage, container())
    others = [Course(first._make, stage, container()) for _ in range(30)]
    told = await outcome(first, "prepare_compute", COMPUTE)
    again = await outcome(first, "prepare_compute", COMPUTE)
    assert isinstance(told, NotYet)
    assert isinstance(again, NotYet)
    assert told.seconds
    assert again.seconds
    assert told.seconds - 5 < again.seconds <= told.seconds
    waits = [await outcome(one, "prepare_compute", COMPUTE) for one in others]
    seconds = [wait.seconds or 0 for wait in waits if isinstance(wait, NotYet)]
    assert len(set(seconds)) == len(others)
    assert 60 < statistics.median(seconds) < 160
    other_seed = Course(lambda: simulated(delays=delays, seed=7), stage, container())
    other_seed.session = uuid4()
    assert isinstance(await outcome(other_seed, "prepare_compute", COMPUTE), NotYet)


async def test_time_is_the_brokers_and_not_that_of_a_machine(simulated: Make, stage: Stage) -> None:
    """The broker's clock goes on while that of this machine hardly moves."""
    course = Course(lambda: simulated(delays={"prepare_compute": 100}), stage, container())
    course.later = timedelta(minutes=-5)
    assert isinstance(await outcome(course, "prepare_compute", COMPUTE), NotYet)
    course.later += timedelta(seconds=90)
    told = await outcome(course, "prepare_compute", COMPUTE)
    assert isinstance(told, NotYet)
    assert 0 < (told.seconds or 0) <= 10
    course.later += timedelta(seconds=10)
    assert isinstance(await outcome(course, "prepare_compute", COMPUTE), Done)


@pytest.mark.parametrize(
    ("delay", "low", "high"),
    [
        (7, 6.5, 7),
        ({"distribution": "uniform", "low": 3, "high": 4}, 2.5, 4),
        ({"distribution": "normal", "mean": 50, "deviation": 0.1}, 49, 51),
        ({"distribution": "exponential", "mean": 9}, 0, 200),
        ({"distribution": "lognormal", "median": 5, "sigma": 0}, 4.5, 5),
    ],
)
async def test_delays_are_as_distributed(
    simulated: Make, stage: Stage, delay: object, low: float, high: float
) -> None:
    platform = simulated(delays={"prepare_storage": delay})
    course = Course(lambda: platform, stage, container())
    told = await outcome(course, "prepare_storage", storage_key(0))
    assert isinstance(told, NotYet)
    assert low <= (told.seconds or 0) <= high


async def test_what_is_cached_takes_no_time(simulated: Make, stage: Stage) -> None:
    platform = simulated(
        delays={"prepare_executable": 100, "prepare_data": 100},
        bandwidth=1000,
        cached_images=["simulated://known/*"],
        cached_data=["ab" * 32],
    )
    known = DockerContainer(image=Image(locations=("simulated://known/image",)))
    data = [
        S3Data(meta=Metadata(name="known"), checks=Checks(sha256="AB" * 32, size=10**6)),
        S3Data(meta=Metadata(name="other"), checks=Checks(size=10**6)),
    ]
    course = Course(lambda: platform, stage, known, data=data)
    assert isinstance(await outcome(course, "prepare_executable", EXECUTABLE), Done)
    assert isinstance(await outcome(course, "prepare_data", data_key(0)), Done)
    transfer = await outcome(course, "prepare_data", data_key(1))
    assert isinstance(transfer, NotYet)
    assert 1095 < (transfer.seconds or 0) <= 1100
    other = Course(lambda: platform, stage, SingularityContainer(location="simulated://unknown"))
    assert isinstance(await outcome(other, "prepare_executable", EXECUTABLE), NotYet)
    capability = await platform.report()
    assert capability.staged == {"ab" * 32}
    assert capability.images == ("simulated://known/*",)


async def test_every_creation_is_recorded(simulated: Make, stage: Stage, world: World) -> None:
    course = Course(simulated, stage, container())
    await course.prepare()
    await course.prepare()
    made = [one for one in world.creations() if one.session == course.session]
    assert [one.key for one in made] == ["storage/0", "executable", "compute"]
    assert len({one.name for one in made}) == 3
    await course.release()
    assert len(world.creations()) == 3


async def test_an_interactive_session_has_an_address_of_its_own(
    simulated: Make, stage: Stage
) -> None:
    notebook = JupyterNotebook(location="simulated://busy")
    connectors = [{"location": "https://there.invalid/{session}?key={token}", "protocol": "HTTP"}]
    found = []
    for _ in range(2):
        course = Course(lambda: simulated(connectors=connectors), stage, notebook)
        done = await outcome(course, "prepare_compute", COMPUTE)
        assert isinstance(done, Done)
        assert done.connectors
        assert str(course.session) in (done.connectors[0].location or "")
        found.append(done.connectors[0].location)
        await course.start()
        assert (await course.watch()).seconds is None, "it runs until it is stopped"
    assert len(set(found)) == 2


@pytest.mark.parametrize("run", ["soon", "-1", "nan", "inf"])
async def test_a_wish_that_cannot_be_read_is_named(simulated: Make, stage: Stage, run: str) -> None:
    course = Course(simulated, stage, container(SIMULATED_RUN=run))
    with pytest.raises(Permanent, match="SIMULATED_RUN"):
        await outcome(course, "prepare_executable", EXECUTABLE)


@pytest.mark.parametrize("name", ["/etc/passwd", "../up", "a/../../b"])
def test_results_stay_with_their_session(simulated: Make, name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"platforms\.there\.results"):
        simulated(results={name: 1})


def test_an_unknown_distribution_is_refused(simulated: Make) -> None:
    with pytest.raises(msgspec.ValidationError):
        simulated(delays={"start": {"distribution": "bimodal"}})


def test_many_processes_make_each_thing_once(place: PlatformContext, world: World) -> None:
    """Four processes prepare the same sessions at the same time."""
    script = f"""
import sys
from collections.abc import Callable
from collections.abc import Callable
from pathlib import Path
from uuid import UUID
from execution_broker.platforms.simulated.world import World
world = World(Path({str(place.directory / "world.sqlite")!r}), {f"{place.instance}/there"!r})
for number in range(200):
    world.make(UUID(int=number), "compute", f"name-{{number}}", 0.0)
"""
    running = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(4)]
    assert [one.wait(60) for one in running] == [0] * 4
    names = Counter(one.name for one in world.creations())
    assert len(names) == 200
    assert set(names.values()) == {1}


async def test_a_call_takes_far_less_than_a_millisecond(simulated: Make, stage: Stage) -> None:
    """CPU time, as the machine may be busy with something else."""
    platform = simulated(run=0)
    courses = [Course(lambda: platform, stage, container()) for _ in range(50)]
    begun = time.process_time()
    for course in courses:
        await outcome(course, "prepare_compute", COMPUTE)
        await outcome(course, "start", COMPUTE)
        await course.watch()
        await outcome(course, "release_compute", COMPUTE)
    assert (time.process_time() - begun) / (4 * len(courses)) < 0.001


def test_an_operator_can_break_it(simulated: Make, world: World, place: PlatformContext) -> None:
    simulated()
    file = place.directory / "world.sqlite"

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        module = "execution_broker.platforms.simulated"
        command = [sys.executable, "-m", module, str(file), *arguments]
        return subprocess.run(command, check=False, capture_output=True, text=True)

    assert run("down").returncode == 0
    assert world.is_down()
    assert run("up").returncode == 0
    assert not world.is_down()
    assert run("lose", str(uuid4())).returncode == 1
    session = uuid4()
    world.make(session, "compute", "its-name", 0.0)
    assert run("creations").stdout == f"1 {session} compute its-name\n"
