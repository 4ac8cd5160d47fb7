"""Processes of this machine, as /proc shows them. Standard library only: the shim uses this.

A process id alone names nothing for long: here a process is its id and the time it was started,
and a signal for one goes through a descriptor of it, so that it never reaches a successor.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_GONE: Final = frozenset("ZX")
_ROUNDS: Final = 20
_QUIET: Final = 5
_PAUSE: Final = 0.02


@dataclass(frozen=True)
class Process:
    """`started` in clock ticks since the machine was booted. `threads` and `resident`, in pages of
    memory, are of the moment it was looked at, and tell no process from another."""

    pid: int
    parent: int
    group: int
    session: int
    started: int
    threads: int = field(compare=False, default=1)
    resident: int = field(compare=False, default=0)


@dataclass(frozen=True)
class Identity:
    """A process for good: no other process of any time has the same one."""

    pid: int
    started: int
    boot: str


def identity(pid: int) -> Identity | None:
    """Who has this process id now."""
    found = _process(pid)
    return None if found is None else Identity(pid, found.started, _boot())


def find(who: Identity) -> Process | None:
    """The process, if it still runs. One that ended and waits to be noticed does not run."""
    found = _process(who.pid)
    if found is None or found.started != who.started or who.boot != _boot():
        return None
    return found


def everything() -> Iterator[Process]:
    """All that runs on this machine."""
    for entry in _PROC.iterdir():
        found = _process(int(entry.name)) if entry.name.isdigit() else None
        if found is not None:
            yield found


def descendants(ancestors: Iterable[int]) -> list[Process]:
    """The children of these process ids, their children, and so on, without themselves."""
    children: dict[int, list[Process]] = {}
    for process in everything():
        children.setdefault(process.parent, []).append(process)
    ahead, found = list(ancestors), dict[int, Process]()
    while ahead:
        for child in children.get(ahead.pop(), ()):
            if child.pid not in found:
                found[child.pid] = child
                ahead.append(child.pid)
    return list(found.values())


def marked(marks: Mapping[str, str]) -> list[Process]:
    """What was started with all these environment variables, and the descendants of that."""
    found = {process.pid: process for process in everything() if carries(process, marks)}
    below = {process.pid: process for process in descendants(found)}
    return [process for process in (found | below).values() if process.pid != os.getpid()]


def carries(process: Process, marks: Mapping[str, str]) -> bool:
    """Whether it was started with all these environment variables."""
    return {f"{name}={value}".encode() for name, value in marks.items()} <= environment(process)


def environment(process: Process) -> set[bytes]:
    """The environment it was started with; empty when it may not be seen."""
    try:
        return set((_PROC / str(process.pid) / "environ").read_bytes().split(b"\0"))
    except OSError:
        return set()


def send(process: Process, number: signal.Signals) -> None:
    """Signal this process and no other. One that is gone is fine, and one that is not ours."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except OSError:
        return
    try:
        found = _process(process.pid)
        if found is not None and found.started == process.started:
            signal.pidfd_send_signal(descriptor, number)
    except (ProcessLookupError, PermissionError):
        return
    finally:
        os.close(descriptor)


def kill(find_them: Callable[[], list[Process]]) -> None:
    """Kill all that is found. They are frozen first, until no new one appears: what is frozen
    cannot start another."""
    frozen: dict[int, Process] = {}
    for _ in range(_ROUNDS):
        new = [p for p in find_them() if frozen.get(p.pid) != p]
        if not new:
            break
        for process in new:
            _strike(process, signal.SIGSTOP)
            frozen[process.pid] = process
    for process in frozen.values():
        _strike(process, signal.SIGKILL)


def kill_and_wait(find_them: Callable[[], list[Process]], seconds: float) -> bool:
    """Kill until nothing is found any more; False when some of it stays for so long.

    One look is not enough: a process that leaves a child behind and ends, over and over, may be
    between two lives when it is looked for.
    """
    until = time.monotonic() + seconds
    quiet = 0
    while quiet < _QUIET:
        if find_them():
            kill(find_them)
            quiet = 0
        else:
            quiet += 1
        if time.monotonic() > until:
            return False
        time.sleep(_PAUSE)
    return True


def _strike(process: Process, number: signal.Signals) -> None:
    """Signal a process with its whole group, which reaches also what it has become meanwhile. All
    of the group came of what was found: unless it shares a process session with us."""
    if process.session == os.getsid(0):
        send(process, number)
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.group, number)


def _process(pid: int) -> Process | None:
    try:
        text = (_PROC / str(pid) / "stat").read_text("utf-8", "replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    if len(fields) < 22 or fields[0] in _GONE:
        return None
    parent, group, session = (int(field) for field in fields[1:4])
    return Process(pid, parent, group, session, int(fields[19]), int(fields[17]), int(fields[21]))


def _boot() -> str:
    return (_PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()
