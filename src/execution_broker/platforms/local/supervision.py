"""The broker's side of the shim: start one, see how it goes, stop it."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Final, TypeVar

import msgspec

import execution_broker
from execution_broker.domain import messages
from execution_broker.domain.errors import Transient
from execution_broker.platforms.local import processes
from execution_broker.platforms.local.files import read_json, write_json
from execution_broker.platforms.local.paths import Control
from execution_broker.platforms.local.processes import Identity, Process
from execution_broker.platforms.local.streams import read_after
from execution_broker.ports.platform import StreamPart

STREAMS: Final = ("stdout", "stderr")
_SHIM: Final = "execution_broker.platforms.local.shim"
_STARTING: Final = 60.0
_KILLING: Final = 5.0
_POLL: Final = 0.05
T = TypeVar("T")


class Reason(Enum):
    """Why a session's command is over."""

    EXITED = "exited"
    DEADLINE = "deadline"
    STOPPED = "stopped"
    MEMORY = "memory"
    TASKS = "tasks"


class Exit(msgspec.Struct, frozen=True):
    """How it ended. `status`: as a shell says it, 128 + the signal that killed it; None when it was
    never begun. `outputs`: bytes of each stream, kept or not. `ends`: the end of its time, as the
    shim knew it, in seconds since 1970. For MEMORY (bytes) and TASKS (processes and threads): what
    was `used`, of which `limit`, by how many processes."""

    status: int | None
    reason: Reason
    seconds: float
    outputs: dict[str, int]
    ends: float | None = None
    used: int = 0
    limit: int = 0
    processes: int = 0


class Deadline(msgspec.Struct, frozen=True):
    """When the time of a session is over, in seconds since 1970: as the broker says (`ends`), and
    by the clock of this machine (`until`). Both None: it has no end yet."""

    ends: float | None = None
    until: float | None = None

    def is_like(self, other: "Deadline") -> bool:
        """Whether nothing is new in the other: a second of this machine's clock is nothing."""
        if self.until is None or other.until is None:
            return self == other
        return self.ends == other.ends and abs(self.until - other.until) < 1


class State(Enum):
    """What can be seen of a session that has not ended. GONE: the shim is, and left no word."""

    NEVER_STARTED = "never-started"
    RUNNING = "running"
    GONE = "gone"


async def start(control: Control, marks: Mapping[str, str]) -> None:
    """There is, or was, one shim for this session when this returns. Repeatable.

    Transient when none could be started.
    """
    if control.shim.exists():
        return
    package = Path(execution_broker.__file__).parent.parent
    environment = {"PATH": os.defpath, "PYTHONPATH": str(package), "LANG": "C.UTF-8", **marks}
    with control.log.open("ab") as log:
        launcher = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", _SHIM, str(control.directory)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            cwd="/",
            start_new_session=True,
        )
    try:
        status = await asyncio.wait_for(launcher.wait(), _STARTING)
    except TimeoutError:
        status = -1
    finally:
        if launcher.returncode is None:
            launcher.kill()
            await launcher.wait()
    if status:
        said = control.log.read_text("utf-8", "replace").strip().rpartition("\n")[2]
        reason = f"its shim did not start: {said or 'it said nothing'}"
        raise Transient(messages.PLATFORM_FAILED(what="The start", reason=reason))


def set_deadline(control: Control, ends: datetime | None, now: datetime) -> None:
    """Tell the shim when its time is over; it looks twice a second, and once more before it stops
    anything. `now` is by the clock of `ends`, from which this machine's may differ."""
    told = Deadline()
    if ends is not None:
        told = Deadline(ends.timestamp(), time.time() + (ends - now).total_seconds())
    known = _read(control.deadline, Deadline)
    if known is None or not known.is_like(told):
        write_json(control.deadline, msgspec.to_builtins(told))


def state(control: Control) -> State | Exit:
    shim = _shim(control)
    alive = shim is not None and processes.find(shim) is not None
    ended = _read(control.exit, Exit)
    if ended is not None:
        return ended
    if not control.shim.exists():
        return State.NEVER_STARTED
    return State.RUNNING if alive else State.GONE


def new_output(control: Control, seen: Mapping[str, int]) -> tuple[StreamPart, ...]:
    """What has come of each stream since. Offsets count the bytes of the whole stream."""
    return tuple(
        StreamPart(name, offset, data)
        for name in STREAMS
        for offset, data in read_after(control.stream(name), seen.get(name, 0))
    )


def last_line(control: Control, stream: str) -> str:
    """The last line that says something, of what is kept of a stream: rules and the like do not."""
    kept = b"".join(data for _, data in read_after(control.stream(stream), 0))
    lines = kept[-(1 << 16) :].decode("utf-8", "replace").splitlines()
    return next((line for line in reversed(lines) if any(c.isalnum() for c in line)), "")


def stop(control: Control, marks: Mapping[str, str], grace: float) -> bool:
    """Nothing of the session runs, and nothing of it will, when this is True. Blocks.

    The shim is asked to end it in good order, for which it takes `grace` seconds twice at most. One
    that is dead or does not follow is helped: whatever carries the session's marks is killed. That
    finds everything but what both killed its shim and hides from being looked at on purpose.
    """
    with contextlib.suppress(FileNotFoundError):
        control.stop.touch()
        shim = _shim(control)
        running = processes.find(shim) if shim is not None else None
        if running is not None and processes.carries(running, marks):
            processes.send(running, signal.SIGTERM)
            processes.send(running, signal.SIGCONT)
            _wait_for_end(running, 2 * grace + _KILLING)
    return kill(marks)


def kill(marks: Mapping[str, str]) -> bool:
    """Kill everything that carries these marks; False when some of it stays. Blocks."""
    return processes.kill_and_wait(lambda: processes.marked(marks), _KILLING)


def _shim(control: Control) -> Identity | None:
    return _read(control.shim, Identity)


def _read(path: Path, kind: type[T]) -> T | None:
    """None also for what is no such thing: a notebook could have written it."""
    try:
        return msgspec.convert(read_json(path), kind)
    except msgspec.ValidationError:
        return None


def _wait_for_end(process: Process, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = processes.identity(process.pid)
        if found is None or found.started != process.started:
            return
        time.sleep(_POLL)
