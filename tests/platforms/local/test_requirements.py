"""Environments of single notebooks, from a directory of wheels: nothing is fetched."""

import asyncio
import base64
import hashlib
import json
import os
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from execution_broker.domain.errors import Permanent, Transient
from execution_broker.domain.requirements import requirements_key
from execution_broker.models.executable import JupyterNotebook
from execution_broker.platforms.local.installing import locked
from execution_broker.platforms.local.platform import LocalPlatform
from execution_broker.ports.data import Stage
from execution_broker.ports.platform import Life, PlatformContext
from execution_broker.testing.course import Course
from execution_broker.testing.website import Asked, answering, website

Local = Callable[..., LocalPlatform]
Notebook = Callable[..., JupyterNotebook]


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    directory = tmp_path / "wheels"
    directory.mkdir()
    for version in ("1.0", "2.0"):
        write_wheel(directory, "gadget", version)
    write_wheel(directory, "numpy", "99.0")
    return directory


@pytest.fixture
def offline(local: Local, wheels: Path) -> Local:
    def made(**config: Any) -> LocalPlatform:
        return local(pip_options=("--no-index", "--find-links", str(wheels)), **config)

    return made


def write_wheel(directory: Path, name: str, version: str, more: str = "") -> None:
    files = {
        f"{name}/__init__.py": f"version = {version!r}\n# {more}\n",
        f"{name}-{version}.dist-info/METADATA": (
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        ),
        f"{name}-{version}.dist-info/WHEEL": (
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        ),
    }
    record = "".join(f"{path},{_digest(text)},{len(text)}\n" for path, text in files.items())
    files[f"{name}-{version}.dist-info/RECORD"] = record + f"{name}-{version}.dist-info/RECORD,,\n"
    with zipfile.ZipFile(directory / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)


def _digest(text: str) -> str:
    found = hashlib.sha256(text.encode()).digest()
    return "sha256=" + base64.urlsafe_b64encode(found).decode().rstrip("=")


def environments(context: PlatformContext) -> list[Path]:
    return [path for path in context.directory.glob("environments/*") if path.is_dir()]


async def test_a_notebook_has_what_it_requires_on_top_of_what_all_have(
    offline: Local, staging: Stage, notebook: Notebook, context: PlatformContext
) -> None:
    cells = ("import gadget, ipykernel, numpy", "print(gadget.version, numpy.version)")
    written = notebook(*cells, requirements=("gadget<2", "numpy>90"))
    course = Course(offline, staging, written)
    await course.prepare()
    await course.start()
    observation = await course.until_ended()
    assert observation.life is Life.SUCCEEDED, observation
    assert course.output["stdout"] == b"1.0 99.0\n"
    await course.release()
    (made,) = environments(context)
    marker = made / "ready.json"
    before = marker.stat().st_ino
    capability = await offline().report()
    assert capability.requirements == {requirements_key(["numpy>90", "gadget<2"])}
    again = Course(offline, staging, notebook("x = 1", requirements=("numpy>90", "gadget<2 ")))
    await again.prepare()
    assert environments(context) == [made]
    assert marker.stat().st_ino == before
    await again.release()


async def test_how_far_an_installation_is_is_told_to_all_who_wait_for_it(
    local: Local, staging: Stage, notebook: Notebook, tmp_path: Path
) -> None:
    write_wheel(tmp_path, "large", "1.0", os.urandom(1 << 20).hex())
    wheel = tmp_path / "large-1.0-py3-none-any.whl"
    content, goes_on = wheel.read_bytes(), asyncio.Event()

    async def held(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(content)}\r\n\r\n".encode())
        writer.write(content[: 1 << 19])
        await writer.drain()
        await goes_on.wait()
        writer.write(content[1 << 19 :])

    async with website() as site:
        page = f'<a href="{site.url("/" + wheel.name)}">{wheel.name}</a>'.encode()
        site.routes["/simple/large/"] = answering(200, page, Content_Type="text/html")
        site.routes[f"/{wheel.name}"] = held
        options = ("--index-url", site.url("/simple"), "--no-cache-dir")
        one, other = (
            Course(
                lambda: local(pip_options=options),
                staging,
                notebook("x = 1", requirements=("large",)),
            )
            for _ in range(2)
        )
        preparing = [asyncio.create_task(course.prepare()) for course in (one, other)]
        for course in (one, other):
            while not any(units == "bytes" and done for done, _, units in course.progress):
                await asyncio.sleep(0.01)
                assert not any(task.done() for task in preparing)
        goes_on.set()
        await asyncio.gather(*preparing)
    assert (1, 1, "packages") in one.progress
    for course in (one, other):
        await course.release()


async def test_what_cannot_be_installed_is_told_in_the_words_of_pip(
    offline: Local, staging: Stage, notebook: Notebook, context: PlatformContext
) -> None:
    course = Course(offline, staging, notebook("x = 1", requirements=("gadget==3", "numpy")))
    with pytest.raises(
        Permanent, match=r"cannot be installed: .*No matching distribution found for"
    ):
        await course.prepare()
    await course.release()
    assert environments(context) == []
    assert (await offline().report()).requirements == frozenset()


async def test_an_installation_that_takes_too_long_is_stopped(
    local: Local, staging: Stage, notebook: Notebook
) -> None:
    options = ("--index-url", "http://127.0.0.1:1/simple", "--retries", "50")
    course = Course(
        lambda: local(pip_options=options, install_limit=4),
        staging,
        notebook("x = 1", requirements=("gadget",)),
    )
    with pytest.raises(Transient, match="it was stopped after 4 s"):
        await course.prepare()
    await course.release()


@pytest.mark.parametrize(
    "text",
    ["-r /etc/passwd", "./here", "gadget @ file:///tmp/x", "git+https://example.org/x", "a\nb", ""],
)
async def test_only_names_with_versions_are_requirements(
    offline: Local, staging: Stage, notebook: Notebook, text: str
) -> None:
    course = Course(offline, staging, notebook("x = 1", requirements=(text,)))
    with pytest.raises(Permanent, match="it must be the name of a package"):
        await course.prepare()
    await course.release()


def environment(directory: Path, size: int | None = None, age: float = 0) -> Path:
    """One that is there already; with a size it is ready, and was used so many seconds ago."""
    directory.mkdir(parents=True)
    (directory / "pyvenv.cfg").touch()
    if size is not None:
        marker = directory / "ready.json"
        marker.write_text(json.dumps({"size": size}))
        used = time.time() - age
        os.utime(marker, (used, used))
    return directory


async def test_what_is_too_old_or_too_large_goes_and_what_a_session_has_stays(
    offline: Local, staging: Stage, notebook: Notebook, context: PlatformContext
) -> None:
    """Also an environment for all notebooks, of an earlier configuration."""
    course = Course(offline, staging, notebook("x = 1", requirements=("gadget",)))
    await course.prepare()
    (own,) = environments(context)
    os.utime(own / "ready.json", (0, 0))
    kernels, others = context.directory / "kernel", own.parent
    held = environment(kernels / "held", 100 << 20, age=7200)
    old = environment(kernels / "old", 1 << 20, age=7200)
    young = environment(kernels / "young", 1 << 20, age=60)
    large = environment(others / "large", 99 << 20, age=30)
    unfinished = environment(others / "unfinished")
    (chosen,) = context.directory.glob("sessions/*/broker/*/control/environment.json")
    chosen.write_text(json.dumps({"base": held.name, "own": own.name}))

    platform = offline(environments_age=3600)
    await platform.holdings()
    assert not any(one.exists() for one in (old, unfinished))
    assert all(one.exists() for one in (own, held, young, large))
    await offline(environments_size=98).holdings()
    assert not large.exists()
    assert young.exists()
    assert (await platform.report()).requirements == {requirements_key(["gadget"])}

    await course.release()
    await platform.holdings()
    assert not own.exists()
    assert not held.exists()
    assert young.exists()
    assert sorted(path.name for path in kernels.glob("*.log")) == []


async def test_one_that_is_being_made_stays(offline: Local, context: PlatformContext) -> None:
    made = environment(context.directory / "environments" / "made")
    with locked(made):
        await offline().holdings()
        assert made.exists()
    await offline().holdings()
    assert not made.exists()


async def test_those_that_nobody_uses_go_when_there_are_too_many(
    offline: Local, staging: Stage, notebook: Notebook, context: PlatformContext
) -> None:
    def course(*requirements: str) -> Course:
        return Course(
            lambda: offline(environments=1), staging, notebook("x = 1", requirements=requirements)
        )

    first, second, third = course("gadget==1.0"), course("gadget==2.0"), course("numpy")
    await first.prepare()
    await second.prepare()
    assert len(environments(context)) == 2, "both are used"
    await first.release()
    await second.release()
    await third.prepare()
    await offline(environments=1).holdings()
    assert len(environments(context)) == 1
    assert (await offline().report()).requirements == {requirements_key(["numpy"])}
    await third.release()
