"""Turning a process that was just forked into the command of a session. Standard library only: the
shim uses this."""

import contextlib
import ctypes
import os
import resource
import signal
from pathlib import Path
from typing import Any, Final, NoReturn

from execution_broker.platforms.local.cgroups import Group

_PR_SET_PDEATHSIG: Final = 1
_CANNOT_RUN: Final = 127
_FIXED: Final = {signal.SIGKILL, signal.SIGSTOP}


def become(
    spec: dict[str, Any], streams: dict[str, int], most_tasks: int | None, group: Group | None
) -> NoReturn:
    """Be the command from now on, and die with the shim.

    `most_tasks`: how many processes and threads the user may have in all, as a stop between two
    looks of the shim. The system does not hold root to it. `group`: where it belongs.
    """
    try:
        shim = os.getppid()
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        os.setsid()
        for number in signal.valid_signals() - _FIXED:
            signal.signal(number, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        _limit_tasks(most_tasks)
        if group is not None:
            group.enter()
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("500", "ascii")
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(streams["stdout"], 1)
        os.dup2(streams["stderr"], 2)
        os.chdir(spec["cwd"])
        if os.getppid() == shim:
            command = spec["command"]
            os.execve(command[0], command, spec["environment"])  # noqa: S606 - no shell is wanted
    except OSError as error:
        os.write(2, f"{spec['command'][0]} cannot be run: {error}\n".encode())
    finally:
        os._exit(_CANNOT_RUN)


def prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def _limit_tasks(most: int | None) -> None:
    if most is None:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    if hard == resource.RLIM_INFINITY or most < hard:
        resource.setrlimit(resource.RLIMIT_NPROC, (most, most))
