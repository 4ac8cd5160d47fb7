"""What a run costs and where it ran: CPU of processes, stolen time, versions."""

import os
import platform
import resource
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_STOLEN: Final = 8
"""Where the stolen time stands in the first line of /proc/stat, counted from its label."""


def own_cpu() -> float:
    """CPU seconds, user and system, that this process has used."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def tree_cpu(root: int) -> float:
    """CPU seconds of a process, those of its children now, and those of the ended ones. What ends
    while it is added up has perhaps not been added to its parent yet: then all is read again."""
    while True:
        try:
            return sum(map(_ticks, tree(root))) / _TICKS
        except (FileNotFoundError, ProcessLookupError):
            if not Path(f"/proc/{root}").exists():
                raise


def _ticks(pid: int) -> int:
    """User, system, and both again of the children that have ended and were waited for."""
    return sum(int(field) for field in _stat(pid)[11:15])


def tree(root: int) -> Iterator[int]:
    """A process and everything below it."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents.setdefault(int(_stat(int(entry.name))[1]), []).append(int(entry.name))
            except (FileNotFoundError, ProcessLookupError):
                continue
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        yield pid
        waiting += parents.get(pid, [])


def resident(pid: int) -> float:
    """Resident memory of one process, in MB (of 1 000 000 bytes)."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE / 1e6


def stolen() -> tuple[float, float]:
    """CPU seconds since the machine started: those that others took from it, and all."""
    fields = [int(one) for one in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return fields[_STOLEN - 1] / _TICKS, sum(fields) / _TICKS


def describe() -> str:
    """The machine in a few words."""
    memory = os.sysconf("SC_PHYS_PAGES") * _PAGE / 2**30
    return (
        f"{os.cpu_count()} cores ({_processor()}), {memory:.0f} GiB, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    )


def version(package: str) -> str | None:
    """The installed version of a package, None where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name: state, parent, ..."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
