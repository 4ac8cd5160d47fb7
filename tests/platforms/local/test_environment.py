"""The kernel environment: made once, by one at a time, and used only when it is whole."""

import asyncio
import fcntl
import venv
from pathlib import Path

import pytest

from execution_broker.domain.errors import Permanent
from execution_broker.platforms.local.config import LocalConfig
from execution_broker.platforms.local.environment import KernelEnvironment
from execution_broker.testing.course import until
from tests.harness.kernel import untold

BROKEN = "this is no requirement"


def given(python: Path, directory: Path) -> KernelEnvironment:
    return KernelEnvironment(LocalConfig(kernel_python=str(python)), directory)


def made(directory: Path, *packages: str) -> KernelEnvironment:
    return KernelEnvironment(LocalConfig(packages=packages), directory)


def logs(directory: Path) -> list[Path]:
    return list(directory.glob("*.log"))


def is_free(lock: Path) -> bool:
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


async def test_one_that_is_given_and_fit_is_used(kernel_python: Path, tmp_path: Path) -> None:
    environment = given(kernel_python, tmp_path / "kernel")
    assert environment.ready()
    assert await environment.prepare("BATCH", untold)
    assert environment.python == kernel_python
    assert not (tmp_path / "kernel").exists()


async def test_one_that_lacks_something_says_what(tmp_path: Path) -> None:
    await asyncio.to_thread(venv.create, tmp_path / "bare", with_pip=False)
    environment = given(tmp_path / "bare" / "bin" / "python", tmp_path)
    with pytest.raises(Permanent, match="lacks what notebooks need: ipykernel, papermill"):
        await environment.prepare("BATCH", untold)


async def test_one_that_is_not_there_is_not_ready(tmp_path: Path) -> None:
    environment = given(tmp_path / "none", tmp_path)
    assert not environment.ready()
    with pytest.raises(Permanent, match=r"none cannot be run: No such file"):
        await environment.prepare("BATCH", untold)


async def test_one_that_cannot_be_made_says_why_and_is_tried_anew(tmp_path: Path) -> None:
    environment = made(tmp_path / "kernel", BROKEN)
    (environment.python.parent.parent / "rest-of-an-earlier-attempt").mkdir(parents=True)
    with pytest.raises(Permanent, match=f"ERROR: Invalid requirement: '{BROKEN}'"):
        await environment.prepare("BATCH", untold)
    assert not environment.ready()
    assert environment.python.exists()
    assert not (environment.python.parent.parent / "rest-of-an-earlier-attempt").exists()


async def test_another_waits_while_one_makes_it(tmp_path: Path) -> None:
    environment = made(tmp_path / "kernel", BROKEN)
    making = asyncio.create_task(environment.prepare("BATCH", untold))
    await until(lambda: asyncio.to_thread(logs, tmp_path / "kernel"), bool)
    assert not await made(tmp_path / "kernel", BROKEN).prepare("BATCH", untold)
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    (lock,) = (tmp_path / "kernel").glob("*.lock")
    assert is_free(lock)


def test_other_packages_are_another_environment(tmp_path: Path) -> None:
    assert made(tmp_path).python != made(tmp_path, "astropy").python
    assert made(tmp_path, "astropy", "scipy").python == made(tmp_path, "scipy", "astropy").python
