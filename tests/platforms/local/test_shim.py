"""The shim, with commands of the system in place of notebooks: whatever happens, all of it ends."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from execution_broker.domain.errors import Transient
from execution_broker.platforms.local import processes, supervision
from execution_broker.platforms.local.files import write_json
from execution_broker.platforms.local.launch import marks
from execution_broker.platforms.local.paths import Control
from execution_broker.platforms.local.processes import kill_and_wait, marked
from execution_broker.platforms.local.supervision import Reason, State
from tests.platforms.local.supervised import Supervised, stays, until

IGNORED = (signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGALRM)
ENDLESS = "echo it runs; exec sleep 1000"
DETACHED = """
import os, signal, sys, time
hear, say = os.pipe()
if os.fork(): sys.exit(not os.read(hear, 1))
os.setsid()
if os.fork(): sys.exit()
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
print(os.getpid(), flush=True)
os.write(say, b"1")
while True: time.sleep(1)
"""
HYDRA = """
import os, time
if os.fork():
    time.sleep(0.5)
    os._exit(0)
print(flush=True)
end = time.monotonic() + 10
while time.monotonic() < end:
    open("beat", "w").close()
    if os.fork(): os._exit(0)
"""
BROKER = """
import asyncio, json, os, pathlib, signal, sys
from execution_broker.platforms.local import supervision
from execution_broker.platforms.local.paths import Control
control = Control(pathlib.Path(sys.argv[1]))
asyncio.run(supervision.start(control, json.loads(sys.argv[2])))
os.killpg(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Supervised]:
    made = Supervised(Control(tmp_path), marks(uuid4(), "here", uuid4()))
    yield made
    assert kill_and_wait(lambda: marked(made.marks), 10)


@pytest.mark.parametrize(
    ("script", "status"),
    [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", 137), ("kill -15 $$", 143)],
)
async def test_the_status_is_what_a_shell_would_say(
    session: Supervised, script: str, status: int
) -> None:
    await session.start("/bin/sh", "-c", f"echo out; echo err >&2; {script}")
    ended = await session.until_ended()
    assert (ended.status, ended.reason) == (status, Reason.EXITED)
    assert ended.outputs == {"stdout": 4, "stderr": 4}
    assert (session.printed(), session.printed("stderr")) == (b"out\n", b"err\n")


async def test_a_command_that_cannot_be_run_says_so(session: Supervised) -> None:
    await session.start("/there/is/none")
    assert (await session.until_ended()).status == 127
    assert b"/there/is/none cannot be run: " in session.printed("stderr")


async def test_what_runs_has_a_small_environment_and_ordinary_signals(session: Supervised) -> None:
    """Whatever its broker ignores, as one does that a shell runs in the background."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in IGNORED}
    try:
        await session.start("/bin/sh", "-c", "env; grep SigIgn: /proc/self/status")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    await session.until_ended()
    *environment, ignored = session.printed().decode().splitlines()
    names = {line.partition("=")[0] for line in environment}
    assert names - {"PWD", "SHLVL", "_"} == {"PATH", *session.marks}
    # The C library keeps two signals to itself: nobody can set them, and they are inherited.
    settable = sum(1 << number - 1 for number in signal.valid_signals())
    assert int(ignored.split()[1], 16) & settable == 0


async def test_started_by_many_at_once_it_runs_once(session: Supervised) -> None:
    command = ("/bin/sh", "-c", "echo once >> runs")
    session.write(*command)
    starts = (supervision.start(session.control, session.marks) for _ in range(6))
    await asyncio.gather(*starts)
    await session.until_ended()
    await session.start(*command)
    assert (session.control.directory / "runs").read_text() == "once\n"


async def test_the_broker_may_be_killed_and_all_that_is_in_its_terminal(
    session: Supervised,
) -> None:
    session.write("/bin/sh", "-c", "echo it runs; while [ ! -e go ]; do sleep .02; done; echo on")
    broker = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        BROKER,
        str(session.control.directory),
        json.dumps(session.marks),
        start_new_session=True,
    )
    assert await broker.wait() == -signal.SIGKILL
    await session.until_printed()
    assert supervision.state(session.control) is State.RUNNING
    (session.control.directory / "go").touch()
    assert (await session.until_ended()).status == 0
    assert session.printed() == b"it runs\non\n"


async def test_without_a_spec_nothing_starts(session: Supervised) -> None:
    with pytest.raises(Transient, match="its shim did not start: KeyError"):
        await supervision.start(session.control, session.marks)
    assert supervision.state(session.control) is State.NEVER_STARTED
    await session.start("/bin/sh", "-c", "exit 0")
    assert (await session.until_ended()).status == 0


async def test_stopped_before_it_started_it_never_starts(session: Supervised) -> None:
    assert await session.stop()
    await session.start("/bin/sh", "-c", "echo it ran")
    ended = await session.until_ended()
    assert (ended.status, ended.reason) == (None, Reason.STOPPED)
    assert session.printed() == b""


async def test_it_ends_with_all_that_came_of_it(session: Supervised) -> None:
    """What detached itself, left its environment behind and ignores signals is killed."""
    await session.start("/bin/sh", "-c", 'exec env -i "$0" -c "$1"', sys.executable, DETACHED)
    assert (await session.until_ended()).status == 0
    daemon = int(session.printed())
    assert processes.identity(daemon) is None


@pytest.mark.parametrize("how", ["file", "signal", "released"])
async def test_it_is_stopped_in_every_way(session: Supervised, how: str) -> None:
    await session.start("/bin/sh", "-c", ENDLESS)
    await session.until_printed()
    if how == "file":
        session.control.stop.touch()
    elif how == "signal":
        os.kill(session.shim(), signal.SIGTERM)
    else:
        session.control.spec.unlink()
    ended = await session.until_ended()
    assert ended.reason is Reason.STOPPED
    assert ended.status == 128 + signal.SIGINT
    await until(lambda: session.running() == 0)


async def test_it_ends_at_its_deadline_also_when_that_is_moved(session: Supervised) -> None:
    now = datetime.now(UTC)
    supervision.set_deadline(session.control, now + timedelta(hours=1), now)
    await session.start("/bin/sh", "-c", f"trap '' INT TERM; {ENDLESS}")
    await session.until_printed()
    assert supervision.state(session.control) is State.RUNNING
    supervision.set_deadline(session.control, now, now)
    ended = await session.until_ended()
    assert (ended.reason, ended.status) == (Reason.DEADLINE, 137)
    await until(lambda: session.running() == 0)


async def test_output_without_end_is_bounded(session: Supervised) -> None:
    await session.start("/bin/sh", "-c", "yes; exit 0")
    await until(lambda: len(supervision.new_output(session.control, {})) > 1)
    assert await session.stop()
    ended = await session.until_ended()
    assert ended.outputs["stdout"] > 2000
    assert session.control.stream("stdout").stat().st_size < 2100
    head, tail = supervision.new_output(session.control, {})
    assert head.data == tail.data == b"y\n" * 500
    assert tail.offset + 1000 == ended.outputs["stdout"]


async def test_a_shim_that_was_killed_is_noticed_and_cleaned_up_after(session: Supervised) -> None:
    await session.start("/bin/sh", "-c", f"setsid sh -c '{ENDLESS}' & {ENDLESS}")
    await session.until_printed()
    os.kill(session.shim(), signal.SIGKILL)
    await until(lambda: supervision.state(session.control) is State.GONE)
    assert await session.stop()
    assert session.running() == 0
    await session.start("/bin/sh", "-c", "echo again")
    assert supervision.state(session.control) is State.GONE
    assert session.running() == 0


async def test_a_shim_that_was_frozen_goes_on_to_end_it(session: Supervised) -> None:
    await session.start("/bin/sh", "-c", ENDLESS)
    await session.until_printed()
    os.kill(session.shim(), signal.SIGSTOP)
    assert await session.stop()
    assert (await session.until_ended()).reason is Reason.STOPPED
    assert session.running() == 0


async def test_a_process_that_is_another_at_every_look_is_caught(session: Supervised) -> None:
    await session.start(sys.executable, "-Sc", HYDRA)
    await session.until_printed()
    assert (await session.until_ended()).status == 0
    beat = session.control.directory / "beat"
    beat.unlink(missing_ok=True)
    await stays(lambda: not beat.exists())


async def test_files_that_a_notebook_wrote_over_are_not_believed(session: Supervised) -> None:
    await session.start("/bin/sh", "-c", ENDLESS)
    await session.until_printed()
    me = processes.identity(os.getpid())
    assert me is not None
    write_json(session.control.shim, asdict(me))
    write_json(session.control.exit, {"status": "none"})
    session.control.stream("stdout").write_bytes(b"\xff" * 24)
    assert supervision.state(session.control) is State.RUNNING
    assert session.printed() == b""
    assert await session.stop()
    assert session.running() == 0


async def test_another_process_with_the_same_id_is_not_taken_for_the_shim(
    session: Supervised,
) -> None:
    """As after a reboot: the process id is somebody else's by now."""
    write_json(session.control.shim, {"pid": os.getpid(), "started": 1, "boot": "another"})
    session.write("/bin/sh")
    assert supervision.state(session.control) is State.GONE
    assert await session.stop()
