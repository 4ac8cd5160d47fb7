"""The local platform, with real notebooks in a real kernel environment."""

import asyncio
import json
import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest

from execution_broker.domain.demand import COMPUTE
from execution_broker.models.executable import JupyterNotebook
from execution_broker.models.resources import Range, SimpleData, SimpleVolume
from execution_broker.platforms.local import processes
from execution_broker.platforms.local.files import read_json
from execution_broker.platforms.local.launch import marks
from execution_broker.platforms.local.platform import LocalPlatform
from execution_broker.ports.data import Stage
from execution_broker.ports.platform import Life, Observation, PlatformContext
from execution_broker.testing.course import Course, until
from execution_broker.testing.platform import PlatformContract, Workload

Notebook = Callable[..., JupyterNotebook]
Local = Callable[..., LocalPlatform]
NothingRuns = Callable[[UUID], bool]

NAME = "here"
SPOIL = """
import os, pathlib
file = pathlib.Path("input").resolve()
for path in (file.parent, file):
    path.chmod(0o777)
file.write_bytes(b"spoilt")
"""
ENDLESS = "import time\nprint('it runs')\nwhile True: time.sleep(1)"


class TestLocalPlatform(PlatformContract):
    @pytest.fixture
    def make(self, local: Local) -> Local:
        return local

    @pytest.fixture
    def stage(self, staging: Stage) -> Stage:
        return staging

    @pytest.fixture
    def workload(self, notebook: Notebook, data: Callable[[str, bytes], SimpleData]) -> Workload:
        return Workload(
            finishing=notebook(
                "content = open('input', 'rb').read()",
                "print('it ran')\nfile = open('made', 'wb')",
                "file.write(content + b' and ours')\nfile.close()",
                name="finishing",
            ),
            failing=notebook("x = 1", "{}['missing']", "never = 1", name="failing"),
            endless=notebook(ENDLESS, name="endless"),
            prints=b"it ran\n",
            complaint="ended with status 1. KeyError: 'missing'",
            output="made",
            content=b"theirs and ours",
            data=data("theirs.txt", b"theirs"),
            interactive=msgspec.structs.replace(notebook("x = 1", name="interactive"), mode=None),
            spoiling=notebook(SPOIL, name="spoiling"),
        )


def directory_of(course: Course, context: PlatformContext) -> Path:
    (directory,) = context.directory.glob(f"sessions/*/broker/{course.session}")
    return directory


async def watch(platform: LocalPlatform, course: Course, seen: dict[str, int]) -> Observation:
    return await platform.watch(course.order(COMPUTE), seen)


async def test_parameters_streams_progress_and_outputs(
    local: Local, staging: Stage, notebook: Notebook, context: PlatformContext
) -> None:
    written = notebook(
        "scale = 1.0\nlabel = 'none'\nmore = None",
        "import os, sys\nprint(scale, label, more)\nprint('a warning', file=sys.stderr)",
        "open('result.txt', 'w').write(str(scale * 2))",
        "print(sorted(n for n in os.environ if n.startswith('BROKER')), os.environ['HOME'])",
        "print(os.environ['BROKER_AMOUNT_OLD_GPUS'])",
        name="with {braces}",
        parameters={"scale": 1e16, "label": "2026-01-01 \U0001f680 {x}", "more": [1, None, True]},
    )
    course = Course(local, staging, written)
    assert course.document.compute is not None
    course.document = msgspec.structs.replace(
        course.document,
        compute=msgspec.structs.replace(
            course.document.compute, amounts={"old-gpus": Range(min=2, max=2)}
        ),
    )
    await course.prepare()
    await course.start()
    assert (await course.until_ended()).life is Life.SUCCEEDED
    lines = course.output["stdout"].decode().splitlines()
    assert lines[0] == "1e+16 2026-01-01 \U0001f680 {x} [1, None, True]"
    assert lines[1].endswith(str(directory_of(course, context) / "work"))
    assert "BROKER_SESSION" in lines[1]
    assert lines[2] == "2"
    assert course.output["stderr"] == b"a warning\n"
    collected = await course.release()
    assert [kept.path for kept in collected.outputs] == ["result.txt", "with_braces.ipynb"]
    results = context.results / str(course.session)
    assert (results / "result.txt").read_text() == "2e+16"
    executed = json.loads((results / "with_braces.ipynb").read_text())
    assert executed["metadata"]["papermill"]["parameters"]["scale"] == 1e16
    await local().forget_results(course.session)
    assert not results.exists()


async def test_volumes_and_data_are_where_they_were_asked_for(
    local: Local,
    staging: Stage,
    notebook: Notebook,
    data: Callable[[str, bytes], SimpleData],
    context: PlatformContext,
) -> None:
    written = notebook(
        "import os, stat",
        "print(open('deep/in.txt').read(), open('everything/a.txt').read())",
        "print(open(os.environ['BROKER_DATA_B_TXT']).read())",
        "print(oct(stat.S_IMODE(os.stat('deep/in.txt').st_mode)))",
        "open('everything/new.txt', 'w').write('new')",
    )
    volumes = [
        SimpleVolume(path="/everything", mode="READWRITE", resource="storage"),
        SimpleVolume(path="/deep/in.txt", mode="READONLY", resource="a.txt"),
        SimpleVolume(path="/everything/a.txt", mode="READONLY", resource="a.txt"),
    ]
    resources = [data("a.txt", b"first"), data("b.txt", b"second")]
    course = Course(local, staging, written, data=resources, volumes=volumes)
    await course.prepare()
    await course.start()
    observation = await course.until_ended()
    assert observation.life is Life.SUCCEEDED, observation
    assert course.output["stdout"].decode().split() == ["first", "first", "second", "0o444"]
    collected = await course.release()
    assert [kept.path for kept in collected.outputs] == ["everything/new.txt", "notebook.ipynb"]
    assert (context.results / str(course.session) / "everything" / "new.txt").read_text() == "new"
    assert list(context.directory.glob("sessions/*/broker/*")) == []


async def test_a_daemon_that_detached_itself_is_killed(
    local: Local, staging: Stage, notebook: Notebook, nothing_runs: NothingRuns
) -> None:
    """It leaves its parents, its process session and its environment, and ignores signals."""
    script = (
        "import os, signal, sys, time\n"
        "if os.fork(): sys.exit()\n"
        "os.setsid()\n"
        "if os.fork(): sys.exit()\n"
        "for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):\n"
        "    signal.signal(number, signal.SIG_IGN)\n"
        "open('daemon.pid', 'w').write(str(os.getpid()))\n"
        "while True: time.sleep(1)\n"
    )
    written = notebook(
        "import os, subprocess, sys, time",
        f"subprocess.run([sys.executable, '-c', {script!r}], env={{}}, check=True)",
        "while not (os.path.exists('daemon.pid') and open('daemon.pid').read()): time.sleep(.01)",
        "print(open('daemon.pid').read())",
    )
    course = Course(local, staging, written)
    await course.prepare()
    await course.start()
    assert (await course.until_ended()).life is Life.SUCCEEDED
    daemon = int(course.output["stdout"])
    assert processes.identity(daemon) is None
    assert nothing_runs(course.session)
    await course.release()


async def test_endless_output_is_bounded_and_ends_at_the_deadline(
    local: Local,
    staging: Stage,
    notebook: Notebook,
    context: PlatformContext,
    nothing_runs: NothingRuns,
) -> None:
    """The end it is started with is moved while it runs: the shim listens."""
    written = notebook(
        "import time", "print('first')\nwhile True:\n    print('x' * 999)\n    time.sleep(.001)"
    )
    course = Course(lambda: local(stream_limit=10_000), staging, written)
    await course.prepare()
    await course.start()
    platform = local()
    await until(
        lambda: watch(platform, course, {}),
        lambda observation: any(part.offset > 100_000 for part in observation.streams),
    )
    course.ends = datetime.now(UTC)
    await watch(platform, course, {})
    control = directory_of(course, context) / "control"
    await until(lambda: watch(platform, course, {}), lambda _: (control / "exit.json").exists())
    ended = read_json(control / "exit.json")
    assert ended is not None
    assert ended["reason"] == "deadline"
    assert ended["outputs"]["stdout"] > 100_000
    assert nothing_runs(course.session)
    assert (control / "stdout").stat().st_size < 21_000
    observation = await watch(platform, course, {"stdout": 5})
    assert observation.life is Life.RUNNING
    head, tail = observation.streams[:2]
    assert (head.offset, len(head.data)) == (5, 9_995)
    assert tail.offset + len(tail.data) == ended["outputs"]["stdout"]
    assert head.data.startswith(b"\nxxx")
    await course.release()


async def test_a_shim_that_was_killed_leaves_the_session_lost_and_releasable(
    local: Local,
    staging: Stage,
    notebook: Notebook,
    context: PlatformContext,
    nothing_runs: NothingRuns,
) -> None:
    course = Course(local, staging, notebook(ENDLESS))
    await course.prepare()
    await course.start()
    await course.until_printed()
    control = directory_of(course, context) / "control"
    shim = read_json(control / "shim.json")
    assert shim is not None
    os.kill(shim["pid"], signal.SIGKILL)
    assert (await course.until_ended()).life is Life.LOST
    await course.start()
    assert (await course.watch()).life is Life.LOST
    await course.release()
    assert nothing_runs(course.session)
    assert not await course.is_held()


async def test_a_stopped_notebook_keeps_what_it_had_said(
    local: Local, staging: Stage, notebook: Notebook, context: PlatformContext
) -> None:
    course = Course(local, staging, notebook("x = 1", "y = 2", ENDLESS))
    await course.prepare()
    await course.start()
    await course.until_printed()
    await course.watch_until(lambda _: (2, 3, "cells") in course.progress)
    await course.release()
    executed = json.loads((context.results / str(course.session) / "notebook.ipynb").read_text())
    assert executed["cells"][2]["outputs"][0]["text"] == ["it runs\n"]


async def test_what_runs_without_a_directory_is_held_and_destroyed(
    local: Local, context: PlatformContext
) -> None:
    session, platform = uuid4(), local()
    sleeper = await asyncio.create_subprocess_exec(
        "sleep", "1000", env={"PATH": os.defpath, **marks(context.instance, NAME, session)}
    )
    forger = await asyncio.create_subprocess_exec(
        "sleep", "1000", env={**marks(context.instance, NAME, session), "BROKER_SESSION": "\xff"}
    )
    (holding,) = await platform.holdings()
    assert (holding.session, holding.handle) == (session, f"process {sleeper.pid}")
    await platform.destroy(holding)
    assert await sleeper.wait() == -signal.SIGKILL
    assert await platform.holdings() == []
    forger.kill()
    await forger.wait()
