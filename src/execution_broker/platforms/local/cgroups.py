"""Control groups: where this machine allows it, the kernel itself holds a session to its memory and
its processes, and knows all that came of it. Standard library only: the shim uses this.

Version 2 of them has one tree for everything, version 1 one for each resource; a machine may have
both. A session's group is made where the shim is, or beside that: a group that has processes of its
own cannot limit groups in it (version 2), and an ordinary user may make groups where the system has
left it a part of the tree. Where neither works there is no group, and no error.
"""

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from execution_broker.platforms.local.files import read_json, write_json
from execution_broker.platforms.local.meter import Exceeded

_PROC: Final = Path("/proc/self")
_MEMBERS: Final = "cgroup.procs"
_MEMORY_LIMITS: Final = ("memory.max", "memory.limit_in_bytes")
_SWAP_LIMITS: Final = {"memory.swap.max": 0, "memory.memsw.limit_in_bytes": None}
_PAUSE: Final = 0.05
_OOM_COUNTS: Final = ("memory.events", "memory.oom_control")


@dataclass(frozen=True)
class Group:
    """The directories of a session's group: the same twice in version 2."""

    memory: Path
    tasks: Path

    def create(self) -> None:
        """OSError where that is not allowed, or somebody has done it."""
        for directory in self.directories():
            directory.mkdir()

    def limit(self, memory: int | None, tasks: int | None) -> None:
        """Hold it to so many bytes, so many processes and threads. OSError if that cannot be."""
        if memory is not None:
            _first(self.memory, _MEMORY_LIMITS).write_text(str(memory), "ascii")
            for name, limit in _SWAP_LIMITS.items():
                _tell(self.memory / name, memory if limit is None else limit)
            _tell(self.memory / "memory.oom.group", 1)
        if tasks is not None:
            _first(self.tasks, ("pids.max",)).write_text(str(tasks), "ascii")

    def enter(self) -> None:
        """Put this process in it, as far as that is allowed."""
        for directory in self.directories():
            _tell(directory / _MEMBERS, 0)

    def exceeded(self, memory: int | None, tasks: int | None) -> Exceeded | None:
        """What the kernel refused it, if anything: then it has come to its limit."""
        members = max(1, len(self._members()))
        if memory is not None and any(
            _counter(self.memory / name, "oom_kill") for name in _OOM_COUNTS
        ):
            return Exceeded("memory", memory, memory, members)
        if tasks is not None and _counter(self.tasks / "pids.events", "max"):
            return Exceeded("tasks", tasks, tasks, members)
        return None

    def kill(self) -> None:
        """Kill all that is in it, also what hides from other looks."""
        for directory in self.directories():
            if not _tell(directory / "cgroup.kill", 1):
                for pid in _pids(directory):
                    with suppress(ProcessLookupError, PermissionError):
                        os.kill(pid, signal.SIGKILL)

    def remove(self) -> bool:
        """Whether there is no such group any more. False as long as something of it runs."""
        for directory in self.directories():
            with suppress(OSError):
                directory.rmdir()
        return not any(directory.is_dir() for directory in self.directories())

    def directories(self) -> Sequence[Path]:
        return tuple(dict.fromkeys((self.memory, self.tasks)))

    def _members(self) -> set[int]:
        return {pid for directory in self.directories() for pid in _pids(directory)}


def make(
    record: Path, session: str, memory: int | None, tasks: int | None, proc: Path = _PROC
) -> Group | None:
    """A group for a session, limited to so many bytes of memory and so many processes and threads;
    None where the machine allows none. All places that are tried are written down in `record`
    before, so that whoever comes after a death can clear them. `proc`: what the kernel says of this
    process."""
    candidates = [Group(*(place / _name(session) for place in places)) for places in _places(proc)]
    if not candidates:
        return None
    write_json(record, {"groups": [list(map(str, one.directories())) for one in candidates]})
    for group in candidates:
        try:
            group.create()
            group.limit(memory, tasks)
        except OSError:
            group.remove()
        else:
            return group
    return None


def clear(record: Path, session: str, seconds: float) -> bool:
    """Kill what is in the groups of a session, and remove them; False when some of it stays for so
    long. Blocks. Repeatable. What a notebook may have written there in our place is passed over."""
    until = time.monotonic() + seconds
    left = list(_recorded(record, session))
    while left:
        for group in left:
            group.kill()
        left = [group for group in left if not group.remove()]
        if left and time.monotonic() > until:
            return False
        if left:
            time.sleep(_PAUSE)
    return True


def _recorded(record: Path, session: str) -> Iterator[Group]:
    said = (read_json(record) or {}).get("groups")
    for directories in said if isinstance(said, list) else ():
        if isinstance(directories, list) and all(isinstance(one, str) for one in directories):
            paths = [Path(one) for one in directories]
            ours = [path for path in paths if path.is_absolute() and path.name == _name(session)]
            if ours:
                yield Group(ours[0], ours[-1])


def _name(session: str) -> str:
    return f"execution-broker-{session}"


def _places(proc: Path) -> Iterator[tuple[Path, Path]]:
    """Where groups may be made, for memory and for tasks: where this process is, then beside it."""
    where = _own(proc)
    for memory, tasks in (("", ""), ("memory", "pids")):
        if memory in where and tasks in where:
            (top, own), (other_top, other) = where[memory], where[tasks]
            yield own, other
            if own != top and other != other_top:
                yield own.parent, other.parent


def _own(proc: Path) -> dict[str, tuple[Path, Path]]:
    """By the controller, "" for version 2: the top of its tree, and this process's place in it."""
    try:
        paths = dict(_membership((proc / "cgroup").read_text("utf-8")))
        mounts = (proc / "mountinfo").read_text("utf-8").splitlines()
    except OSError:
        return {}
    found = {}
    for line in mounts:
        before, _, after = line.partition(" - ")
        root, top = (Path(_plain(part)) for part in before.split()[3:5])
        kind, _, options = after.split(maxsplit=2)
        names = {"cgroup2": [""], "cgroup": options.split(",")}.get(kind, [])
        for name in names:
            path = paths.get(name)
            if path is not None and path.is_relative_to(root):
                found[name] = (top, top / path.relative_to(root))
    return found


def _membership(text: str) -> Iterator[tuple[str, Path]]:
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        for name in controllers.split(","):
            yield name, Path(path)


def _plain(field: str) -> str:
    """A path as mountinfo writes it, with octal numbers for what would part its fields."""
    return field.encode().decode("unicode_escape").encode("latin-1").decode("utf-8", "replace")


def _first(directory: Path, names: Sequence[str]) -> Path:
    for name in names:
        if (directory / name).exists():
            return directory / name
    raise FileNotFoundError(f"{directory} has none of {', '.join(names)}")


def _tell(file: Path, value: int) -> bool:
    """Write a number to a file that may not be there, or not be ours to write."""
    if not file.exists():
        return False
    try:
        file.write_text(str(value), "ascii")
    except OSError:
        return False
    return True


def _counter(file: Path, name: str) -> int:
    with suppress(OSError):
        for line in file.read_text("ascii").splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    return 0


def _pids(directory: Path) -> list[int]:
    with suppress(OSError):
        return [int(line) for line in (directory / _MEMBERS).read_text("ascii").split()]
    return []
