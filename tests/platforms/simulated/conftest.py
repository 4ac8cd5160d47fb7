"""Simulated platforms on one world file, closed at the end."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from execution_broker.platforms.simulated.config import SimulatedConfig
from execution_broker.platforms.simulated.platform import SimulatedPlatform
from execution_broker.platforms.simulated.world import World
from execution_broker.ports.data import Stage
from execution_broker.ports.platform import PlatformContext
from execution_broker.steps.staging import Staging

NAME = "there"


@pytest.fixture
def place(tmp_path: Path) -> PlatformContext:
    directory = tmp_path / "platform"
    directory.mkdir()
    return PlatformContext(
        instance=uuid4(),
        directory=directory,
        results=tmp_path / "results",
        transfers={},
        data_kinds={},
    )


@pytest.fixture
def simulated(place: PlatformContext) -> Iterator[Callable[..., SimulatedPlatform]]:
    """Makes one as a new process would, from keys as a configuration has them."""
    made: list[Any] = []

    def make(**keys: Any) -> SimulatedPlatform:
        config = msgspec.convert({"run": 0.05, **keys}, SimulatedConfig)
        made.append(SimulatedPlatform(NAME, config, place))
        return made[-1]  # type: ignore[no-any-return] # all of the list are

    yield make
    for platform in made:
        platform._world.close()


@pytest.fixture
def world(place: PlatformContext) -> Iterator[World]:
    """The world as an operator or another process sees it."""
    seen = World(place.directory / "world.sqlite", f"{place.instance}/{NAME}")
    yield seen
    seen.close()


@pytest.fixture
def staged_nowhere(tmp_path: Path) -> Stage:
    return Staging({}, tmp_path / "cache")


@pytest.fixture
def stage(staged_nowhere: Stage) -> Stage:
    return staged_nowhere
