"""How much a session uses: its memory, its processes and threads. Standard library only: the shim
uses this."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from execution_broker.platforms.local.processes import Process, everything

_PROC: Final = Path("/proc")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Exceeded:
    """What was more than it may be. `used` and `limit` are bytes of memory, or a number of tasks:
    processes and threads."""

    what: str
    used: int
    limit: int
    processes: int


def exceeded(
    processes: Sequence[Process], memory: int | None, tasks: int | None
) -> Exceeded | None:
    """What these processes use too much of together, if anything."""
    count = sum(process.threads for process in processes)
    if tasks is not None and count > tasks:
        return Exceeded("tasks", count, tasks, len(processes))
    if memory is not None and sum(process.resident for process in processes) * _PAGE > memory:
        used = sum(_share(process) for process in processes)
        if used > memory:
            return Exceeded("memory", used, memory, len(processes))
    return None


def tasks_of_user(user: int) -> int:
    """The processes and threads of a user, as the system counts them for its limit."""
    return sum(process.threads for process in everything() if _owner(process) == user)


def _share(process: Process) -> int:
    """Bytes of memory, where what several processes share counts once in all."""
    try:
        text = (_PROC / str(process.pid) / "smaps_rollup").read_text("ascii")
    except OSError:
        return process.resident * _PAGE
    for line in text.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) << 10
    return 0


def _owner(process: Process) -> int | None:
    try:
        return (_PROC / str(process.pid)).stat().st_uid
    except OSError:
        return None
