"""The simulated platform fails as it is configured to, and loses what is taken from it."""

from collections import Counter

import pytest

from execution_broker.domain.demand import COMPUTE, storage_key
from execution_broker.domain.errors import Permanent, Transient
from execution_broker.platforms.simulated.world import World
from execution_broker.ports.data import Stage
from execution_broker.ports.platform import Life
from execution_broker.testing.course import Course
from tests.platforms.simulated.courses import Make, container, outcome


async def test_calls_fail_as_often_as_configured(simulated: Make, stage: Stage) -> None:
    failures = {"prepare_storage": {"transient": 0.5}, "prepare_compute": {"fatal": 0.3}}
    platform = simulated(failures=failures)
    found: Counter[str] = Counter()
    for _ in range(60):
        course = Course(lambda: platform, stage, container())
        for _ in range(3):
            try:
                await outcome(course, "prepare_storage", storage_key(0))
            except Transient:
                found["transient"] += 1
        ended = set()
        for _ in range(2):
            try:
                await outcome(course, "prepare_compute", COMPUTE)
                ended.add("well")
            except Permanent:
                ended.add("fatal")
        assert len(ended) == 1, "what is fatal is so every time"
        found.update(ended)
    assert 60 < found["transient"] < 120
    assert 5 < found["fatal"] < 35


async def test_executables_fail_as_often_as_configured(simulated: Make, stage: Stage) -> None:
    platform = simulated(failures={"run": 0.5}, run=0)
    lives: Counter[Life] = Counter()
    for _ in range(40):
        course = Course(lambda: platform, stage, container())
        await course.prepare()
        await course.start()
        lives[(await course.watch()).life] += 1
    assert lives.keys() == {Life.SUCCEEDED, Life.FAILED}
    assert min(lives.values()) > 8


async def test_a_place_that_is_down_answers_nothing_and_loses_nothing(
    simulated: Make, stage: Stage, world: World
) -> None:
    platform = simulated()
    course = Course(lambda: platform, stage, container())
    await course.prepare_storage()
    world.go_down()
    for asked in (platform.report(), platform.holdings(), course.watch()):
        with pytest.raises(Transient, match="is down"):
            await asked
    world.come_up()
    assert await course.is_held()


async def test_what_is_lost_is_lost(simulated: Make, stage: Stage, world: World) -> None:
    course = Course(simulated, stage, container(SIMULATED_RUN="forever"))
    await course.prepare()
    assert not world.lose(course.session)
    await course.start()
    assert (await course.watch()).life is Life.RUNNING
    assert world.lose(course.session)
    assert (await course.watch()).life is Life.LOST
    await course.release()
    assert not await course.is_held()
