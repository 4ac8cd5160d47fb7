"""The shim: runs one session, detached from the broker, and ends all of it.

    python -m execution_broker.platforms.local.shim CONTROL-DIRECTORY

It answers to nobody but the files in the control directory (`paths.Control`): a broker that is
killed, restarted or replaced changes nothing. It runs the command of `spec.json` once, however
often it is started; keeps the first and last bytes of its output; stops it at its deadline, on
SIGTERM, when asked by file, or when it uses more memory or processes than it may; kills every
process that came of it, also those that detached themselves; and writes `exit.json` last, when
nothing of it runs any more.

Standard library only, so that it starts fast and stays small.
"""

import contextlib
import fcntl
import os
import selectors
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from execution_broker.platforms.local import cgroups, processes
from execution_broker.platforms.local.cgroups import Group
from execution_broker.platforms.local.child import become, prctl
from execution_broker.platforms.local.files import read_json, write_json
from execution_broker.platforms.local.meter import Exceeded, exceeded, tasks_of_user
from execution_broker.platforms.local.paths import Control
from execution_broker.platforms.local.streams import BoundedFile

_STREAMS: Final = ("stdout", "stderr")
_TICK: Final = 0.5
_SWIFT: Final = 0.05
_LEAVING: Final = 2.0
_CHUNK: Final = 1 << 16
_PR_SET_CHILD_SUBREAPER: Final = 36


def main(arguments: Sequence[str]) -> int:
    """Leave a shim behind, and say whether there is one: 0 once it has begun, or had."""
    control = Control(Path(arguments[0]))
    hear, say = os.pipe()
    if os.fork():
        os.close(say)
        return 0 if os.read(hear, 1) else 1
    os.close(hear)
    os.setsid()
    if not _alone(control):
        os.write(say, b"1")
        return 0
    shim = Shim(control)
    me = processes.identity(os.getpid())
    assert me is not None
    write_json(control.shim, asdict(me))
    os.write(say, b"1")
    os.close(say)
    shim.run()
    return 0


class Shim:
    """One thread, one loop: output, signals, children and time are all looked at in turn."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._spec: dict[str, Any] = read_json(control.spec) or {}
        limit = int(self._spec["stream_limit"])
        self._files = {name: BoundedFile(control.stream(name), limit) for name in _STREAMS}
        self._pipes: dict[int, BoundedFile] = {}
        self._selector = selectors.DefaultSelector()
        self._main: int | None = None
        self._status: int | None = None
        self._asked = False
        self._ends: float | None = None
        self._until: float | None = None
        self._exceeded: Exceeded | None = None
        self._metered = 0.0
        self._group: Group | None = None
        self._wake = _listen(self._on_term)
        self._selector.register(self._wake, selectors.EVENT_READ)
        prctl(_PR_SET_CHILD_SUBREAPER, 1)

    def run(self) -> None:
        began = time.monotonic()
        why = self._must_stop()
        try:
            if why is None:
                self._start()
            while why is None and self._runs():
                self._turn(_TICK)
                if self._runs():
                    why = self._must_stop()
            why = why or self._was_refused()
        finally:
            self._end_all()
            self._leave_group()
        for pipe in list(self._pipes):
            while self._pump(pipe):
                continue
        ended = {
            "status": self._status,
            "reason": why or "exited",
            "seconds": round(time.monotonic() - began, 3),
            "ends": self._ends,
            "outputs": {name: file.total for name, file in self._files.items()},
        }
        if self._exceeded is not None:
            over = asdict(self._exceeded)
            ended |= {name: over[name] for name in ("used", "limit", "processes")}
        if self._control.directory.is_dir():
            write_json(self._control.exit, ended)

    def _start(self) -> None:
        readers = {}
        writers = {}
        for name in _STREAMS:
            readers[name], writers[name] = os.pipe()
        allowed = self._spec.get("tasks")
        most = None if allowed is None else tasks_of_user(os.getuid()) + 2 * allowed
        if self._spec.get("group"):
            self._group = cgroups.make(
                self._control.groups, self._spec["group"], self._spec.get("memory"), allowed
            )
        self._main = os.fork()
        if not self._main:
            become(self._spec, writers, most, self._group)
        for name in _STREAMS:
            os.close(writers[name])
            os.set_blocking(readers[name], False)
            self._pipes[readers[name]] = self._files[name]
            self._selector.register(readers[name], selectors.EVENT_READ)

    def _turn(self, patience: float) -> None:
        """Wait for something to happen, but not for long, and do what it asks for."""
        for key, _ in self._selector.select(patience):
            if key.fd == self._wake:
                os.read(self._wake, _CHUNK)
            else:
                self._pump(key.fd)
        self._reap()

    def _pump(self, pipe: int) -> bool:
        """Move some output; False when there is none now."""
        try:
            data = os.read(pipe, _CHUNK)
        except BlockingIOError:
            return False
        if data:
            self._pipes[pipe].write(data)
            return True
        self._selector.unregister(pipe)
        os.close(pipe)
        del self._pipes[pipe]
        return False

    def _reap(self) -> bool:
        """Take the ends of all children, also of those that others left to us. False once there is
        none: then nothing runs that came of this session, for orphans become our children."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if not pid:
                return True
            if pid == self._main:
                code = os.waitstatus_to_exitcode(status)
                self._status = code if code >= 0 else 128 - code

    def _runs(self) -> bool:
        return self._status is None

    def _must_stop(self) -> str | None:
        """Why it has to stop now: asked to, released already, its time is over, or it uses too
        much."""
        if self._asked or self._control.stop.exists() or not self._control.spec.exists():
            return "stopped"
        told = read_json(self._control.deadline)
        if told is not None:
            self._ends, self._until = told["ends"], told["until"]
        if self._until is not None and time.time() >= self._until + self._spec.get("overtime", 0):
            return "deadline"
        return self._uses_too_much()

    def _uses_too_much(self) -> str | None:
        """Looked at once in a while, however much there is to do in between."""
        if time.monotonic() - self._metered < _TICK:
            return None
        self._metered = time.monotonic()
        refused = self._was_refused()
        if refused is not None:
            return refused
        self._exceeded = exceeded(
            processes.descendants([os.getpid()]), self._spec.get("memory"), self._spec.get("tasks")
        )
        return None if self._exceeded is None else self._exceeded.what

    def _was_refused(self) -> str | None:
        """What the kernel has kept it from, before or after the last look."""
        if self._group is None:
            return None
        self._exceeded = self._group.exceeded(self._spec.get("memory"), self._spec.get("tasks"))
        return None if self._exceeded is None else self._exceeded.what

    def _end_all(self) -> None:
        """Ask what was started to stop, then tell all that came of it, then kill the rest. What
        uses too much is killed at once."""
        if self._exceeded is None:
            self._ask_to_end()
        while self._reap():
            _kill_children()
            if self._group is not None:
                self._group.kill()
            processes.kill(lambda: processes.descendants([os.getpid()]))
            self._turn(_SWIFT)

    def _leave_group(self) -> None:
        """Remove it. What has just ended may still count for a moment."""
        if self._group is not None:
            group = self._group
            self._turn_while(lambda: not group.remove(), _LEAVING)

    def _ask_to_end(self) -> None:
        if self._main is not None and self._runs():
            os.kill(self._main, self._spec.get("signal", signal.SIGINT))
            self._turn_while(self._runs, self._spec["grace"])
        for process in processes.descendants([os.getpid()]):
            processes.send(process, signal.SIGTERM)
        self._turn_while(self._reap, self._spec["grace"])

    def _turn_while(self, condition: Callable[[], bool], seconds: float) -> None:
        until = time.monotonic() + seconds
        while condition() and time.monotonic() < until:
            self._turn(_SWIFT)

    def _on_term(self) -> None:
        self._asked = True


def _alone(control: Control) -> bool:
    """Whether this is the first shim of the session; the lock is held as long as it lives."""
    lock = os.open(control.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    while not control.shim.exists():
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_SWIFT)
        else:
            return not control.shim.exists()
    return False


def _kill_children() -> None:
    """Kill those that are our own children now, swiftly and with their groups: one that leaves a
    child behind and ends, over and over, is gone by the time all processes have been looked at.
    Their ids are theirs until we take their ends; none of them is in our own group."""
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    with contextlib.suppress(OSError):
        for pid in children.read_text("ascii").split():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(os.getpgid(int(pid)), signal.SIGKILL)


def _listen(on_term: Callable[[], None]) -> int:
    """A descriptor that becomes readable when a signal has come."""
    hear, say = os.pipe()
    os.set_blocking(hear, False)
    os.set_blocking(say, False)
    signal.set_wakeup_fd(say, warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, lambda _number, _frame: on_term())
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    return hear


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
