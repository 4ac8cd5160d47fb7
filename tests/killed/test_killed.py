"""Killed anywhere, the broker carries on: one session, one run, one end, and nothing is left.

The points are enumerated: right before and right after every commit, before and after every call
of the platform. The short form takes some of them, `make soak` all, and fifty of whole lives that
are killed again and again. A session may only ever be lost with its supervisor or its machine.
"""

import asyncio
import random
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from execution_broker.platforms.local.files import read_json, write_json
from tests.killed.world import World, end, strike

_AT_ONCE = 3
_STEP = 16
_AGAIN = 50


async def test_killed_at_some_points_of_its_life(tmp_path: Path) -> None:
    count = await undisturbed(tmp_path / "whole")
    await all_carry_on(tmp_path, ([point] for point in range(1, count + 1, _STEP)))


@pytest.mark.soak
async def test_killed_at_every_point_of_its_life(tmp_path: Path) -> None:
    count = await undisturbed(tmp_path / "whole")
    began = time.monotonic()
    await all_carry_on(tmp_path, ([point] for point in range(1, count + 1)))
    tell(f"{count} points, each survived, in {time.monotonic() - began:.0f} s")


@pytest.mark.soak
async def test_killed_again_and_again(tmp_path: Path) -> None:
    count = await undisturbed(tmp_path / "whole")
    chance = random.Random(3)
    lives = [[chance.randint(1, count), chance.randint(1, count)] for _ in range(_AGAIN)]
    began = time.monotonic()
    await all_carry_on(tmp_path, lives)
    tell(f"{_AGAIN} sessions, two deaths each, in {time.monotonic() - began:.0f} s")


@pytest.mark.parametrize("broker", ["alive", "killed"])
async def test_a_session_whose_shim_is_killed_is_lost(tmp_path: Path, broker: str) -> None:
    world = World.made(tmp_path / "world")
    async with at_work(world) as life:
        if broker == "killed":
            await end(life)
        strike([process for process in world.processes() if process.pid == shim_of(world)])
        world.held.unlink()
        await is_lost(world, life)


async def test_a_session_is_lost_when_the_machine_starts_anew(tmp_path: Path) -> None:
    """Everything dies at once, and what the shim wrote down is of another start of the machine."""
    world = World.made(tmp_path / "world")
    async with at_work(world) as life:
        await end(life)
        while running := world.processes():
            strike(running)
        control = world.control()
        assert control is not None
        shim = read_json(control / "shim.json")
        assert shim is not None
        write_json(control / "shim.json", {**shim, "boot": "of another time"})
        world.held.unlink()
        await is_lost(world, life)


async def test_a_real_notebook_is_run_once_by_a_broker_killed_meanwhile(
    tmp_path: Path, kernel_python: Path
) -> None:
    world = World.made(tmp_path / "world", kernel_python)
    life = await world.born()
    try:
        await until(lambda: world.runs() == 1)
    finally:
        await end(life)
    await carried_on(world, "a broker killed while the notebook ran")


async def undisturbed(directory: Path) -> int:
    """How many points a life passes that nobody disturbs."""
    world = World.made(directory)
    await carried_on(world, "undisturbed")
    return len(world.points())


async def all_carry_on(directory: Path, deaths: Iterable[list[int]]) -> None:
    """Sessions whose broker dies at these points, one after the other; a few at the same time."""
    places = asyncio.Semaphore(_AT_ONCE)

    async def one(number: int, points: list[int]) -> None:
        async with places:
            world = World.made(directory / f"world-{number}")
            for point in points:
                await world.live(point)
            await carried_on(world, f"killed at {points}: {passed(world, points)}")

    ends = await asyncio.gather(
        *(one(number, points) for number, points in enumerate(deaths)), return_exceptions=True
    )
    assert not [end for end in ends if end is not None]


def tell(figure: str) -> None:
    sys.stdout.write(f"\n{figure}\n")


def passed(world: World, points: list[int]) -> Iterator[str]:
    return (world.points(point)[-1] for point in points)


async def carried_on(world: World, case: str) -> None:
    """One more life brings the session to its one good end."""
    status = await world.live()
    log = (world.directory / "life.log").read_text()
    assert status == 0, (case, log[-3000:])
    await until(lambda: not world.processes())
    assert (world.phase(), world.runs(), world.leftovers()) == ("COMPLETED", 1, []), (case, log)


async def is_lost(world: World, life: asyncio.subprocess.Process) -> None:
    """The session fails, and is not run another time; by a new life where the old one is over."""
    status = await (world.live() if life.returncode is not None else life.wait())
    log = (world.directory / "life.log").read_text()
    assert status == 0, log[-3000:]
    assert (world.phase(), world.runs(), world.leftovers()) == ("FAILED", 1, [])
    (messages,) = world.rows("SELECT messages FROM session WHERE accepted_at IS NOT NULL")
    assert "how it ended is not known" in messages[0]


@asynccontextmanager
async def at_work(world: World) -> AsyncIterator[asyncio.subprocess.Process]:
    """A life whose session is in the midst of its work."""
    world.held.touch()
    life = await world.born()
    try:
        await until(lambda: world.runs() == 1)
        yield life
    finally:
        world.held.unlink(missing_ok=True)
        await end(life)


def shim_of(world: World) -> int:
    control = world.control()
    assert control is not None
    shim = read_json(control / "shim.json")
    assert shim is not None
    return int(shim["pid"])


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 240
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
