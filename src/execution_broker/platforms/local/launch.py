"""What the shim is told: the command, its environment, its directory, its limits."""

import contextlib
import keyword
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final
from uuid import UUID

import yaml

from execution_broker.domain import messages
from execution_broker.domain.errors import Permanent
from execution_broker.models.executable import JupyterNotebook
from execution_broker.models.resources import SimpleCompute
from execution_broker.platforms.local.config import LocalConfig
from execution_broker.platforms.local.files import write_json
from execution_broker.platforms.local.outputs import fingerprints
from execution_broker.platforms.local.paths import SessionPaths
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
    python: Path,
    notebook: JupyterNotebook,
    name: str,
    environment: Mapping[str, str],
    mounts: Sequence[Mount],
    inputs: Iterable[Path],
) -> None:
    """Write what the shim and the collecting of outputs need. Repeatable.

    `name` is the notebook's file name in the work directory. `inputs`: files that were staged.
    """
    _write_settings(paths)
    _write_parameters(paths, notebook)
    write_json(
        paths.control.spec,
        {
            "command": _command(paths, python, name, with_parameters=bool(notebook.parameters)),
            "environment": dict(environment),
            "cwd": str(paths.work),
            "stream_limit": config.stream_limit,
            "grace": config.grace,
            "executed": name,
            "writable": {str(mount.place): str(mount.target) for mount in mounts if mount.writable},
            "inputs": fingerprints(inputs),
        },
    )


def environment_of(
    paths: SessionPaths, config: LocalConfig, python: Path, compute: SimpleCompute
) -> dict[str, str]:
    """A small clean environment, nothing of the broker's. Caches and settings go to `scratch`, so
    that the work directory holds what the notebook made and no more."""
    cores = (compute.cores.min if compute.cores else None) or 1
    scratch = paths.scratch
    return {
        "PATH": f"{python.parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(paths.work),
        "LANG": "C.UTF-8",
        "XDG_CACHE_HOME": str(scratch / "cache"),
        "XDG_CONFIG_HOME": str(scratch / "config"),
        "IPYTHONDIR": str(scratch / "ipython"),
        "JUPYTER_CONFIG_DIR": str(scratch / "jupyter"),
        "JUPYTER_DATA_DIR": str(scratch / "jupyter"),
        "JUPYTER_RUNTIME_DIR": str(scratch / "jupyter" / "runtime"),
        "MPLCONFIGDIR": str(scratch / "matplotlib"),
        **dict.fromkeys(_THREADS, str(cores)),
        "BROKER_CORES": str(cores),
        **config.environment,
    }


def _command(paths: SessionPaths, python: Path, name: str, *, with_parameters: bool) -> list[str]:
    """papermill fills braces in paths with parameters, so they are doubled."""
    source, target = (
        os.fspath(path).replace("{", "{{").replace("}", "}}")
        for path in (paths.control.notebook, paths.work / name)
    )
    parameters = ["-f", str(paths.control.parameters)] if with_parameters else []
    options = ["--kernel", "python3", "--no-progress-bar", "--log-level", "WARNING"]
    streams = ["--stdout-file", "/dev/stdout", "--stderr-file", "/dev/stderr"]
    return [str(python), "-m", "papermill", source, target, *parameters, *options, *streams]


def _write_settings(paths: SessionPaths) -> None:
    """The kernel speaks of itself on the stderr of the notebook unless it is told not to."""
    profile = paths.scratch / "ipython" / "profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    settings = profile / "ipython_kernel_config.py"
    settings.write_text('get_config().IPKernelApp.log_level = "CRITICAL"\n', "utf-8")


def _write_parameters(paths: SessionPaths, notebook: JupyterNotebook) -> None:
    for name in notebook.parameters:
        if not name.isidentifier() or keyword.iskeyword(name):
            raise Permanent(
                messages.BAD_VALUE(
                    place="A name in executable.parameters",
                    value=name,
                    reason="it is no name of a Python variable",
                )
            )
    text = yaml.safe_dump(notebook.parameters)
    paths.control.parameters.write_text(text, "utf-8")
