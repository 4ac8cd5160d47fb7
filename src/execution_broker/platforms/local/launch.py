"""What the shim is told: the command, its environment, its directory, its limits."""

import contextlib
import signal
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import UUID

from execution_broker.domain.naming import variables
from execution_broker.models.resources import SimpleCompute
from execution_broker.platforms.local.components import memory_of
from execution_broker.platforms.local.config import LocalConfig
from execution_broker.platforms.local.files import write_json
from execution_broker.platforms.local.outputs import fingerprints
from execution_broker.platforms.local.paths import SessionPaths
from execution_broker.platforms.local.protecting import protected
from execution_broker.platforms.local.volumes import Mount

INSTANCE: Final = "BROKER_INSTANCE"
PLATFORM: Final = "BROKER_PLATFORM"
SESSION: Final = "BROKER_SESSION"
_THREADS: Final = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMEXPR_MAX_THREADS",
)


@dataclass(frozen=True)
class Command:
    """What is run. `stopped_by` is the signal on which it ends in good order; `variables` go over
    those of the environment."""

    arguments: Sequence[str]
    stopped_by: signal.Signals
    variables: Mapping[str, str] = field(default_factory=dict)


def marks(instance: UUID, platform: str, session: UUID | None) -> dict[str, str]:
    """The environment variables by which processes of this platform are told from others."""
    whose = {INSTANCE: str(instance), PLATFORM: platform}
    return whose if session is None else {**whose, SESSION: str(session)}


def session_in(environment: Iterable[bytes]) -> UUID | None:
    """The session that an environment is marked with; what a notebook made of the mark may be
    anything."""
    for variable in environment:
        name, _, value = variable.partition(b"=")
        if name == SESSION.encode():
            with contextlib.suppress(ValueError):
                return UUID(value.decode("ascii"))
    return None


def write_spec(
    paths: SessionPaths,
    *,
    config: LocalConfig,
    session: UUID,
    command: Command,
    compute: SimpleCompute,
    environment: Mapping[str, str],
    executed: str,
    mounts: Sequence[Mount],
    inputs: Iterable[Path],
) -> None:
    """Write what the shim and the collecting of outputs need. Repeatable.

    `executed` is the notebook's file name in the work directory. `inputs`: files that were staged.
    """
    write_json(
        paths.control.spec,
        {
            "command": list(command.arguments),
            "environment": {**environment, **command.variables},
            "cwd": str(paths.work),
            "stream_limit": config.stream_limit,
            "grace": config.grace,
            "overtime": config.overtime,
            "signal": int(command.stopped_by),
            "memory": memory_of(compute),
            "tasks": config.processes,
            "group": str(session) if config.control_groups else None,
            "executed": executed,
            "writable": {str(mount.place): str(mount.target) for mount in mounts if mount.writable},
            "inputs": fingerprints(inputs),
            "protected": protected(mounts, paths),
        },
    )


def environment_of(
    paths: SessionPaths, config: LocalConfig, python: Path, compute: SimpleCompute
) -> dict[str, str]:
    """A small clean environment, nothing of the broker's. Caches and settings go to `scratch`, so
    that the work directory holds what the notebook made and no more. `python` is the kernel's."""
    cores = (compute.cores.min if compute.cores else None) or 1
    scratch = paths.scratch
    return {
        "PATH": f"{python.parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(paths.work),
        "LANG": "C.UTF-8",
        "XDG_CACHE_HOME": str(scratch / "cache"),
        "XDG_CONFIG_HOME": str(scratch / "config"),
        "IPYTHONDIR": str(scratch / "ipython"),
        "JUPYTER_PATH": str(scratch / "jupyter"),
        "JUPYTER_CONFIG_DIR": str(scratch / "jupyter"),
        "JUPYTER_DATA_DIR": str(scratch / "jupyter"),
        "JUPYTER_RUNTIME_DIR": str(paths.runtime),
        "MPLCONFIGDIR": str(scratch / "matplotlib"),
        **dict.fromkeys(_THREADS, str(cores)),
        "BROKER_CORES": str(cores),
        **_amounts(compute),
        **config.environment,
    }


def _amounts(compute: SimpleCompute) -> dict[str, str]:
    """How much it has of each further amount."""
    sizes = (str(size.min or 0) for size in compute.amounts.values())
    return dict(zip(variables("BROKER_AMOUNT", compute.amounts), sizes, strict=True))
