"""The environment that notebooks run in: a Python with papermill, ipykernel and a Jupyter server.

It is never the broker's own: what a notebook needs must not meet what the broker needs.
"""

import asyncio
import hashlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from execution_broker.domain import messages
from execution_broker.domain.errors import Permanent, Transient
from execution_broker.models.executable import Mode
from execution_broker.platforms.local.config import LocalConfig
from execution_broker.platforms.local.installing import (
    Failure,
    Installer,
    locked,
    log_of,
    taken,
    tell,
)
from execution_broker.platforms.local.keeping import is_ready, mark_ready, mark_used
from execution_broker.ports.data import Progress

_NEEDED: Final = ("ipykernel>=6.29", "jupyter-server>=2.14", "jupyterlab>=4.2", "papermill>=2.6")
_MODES: Final[dict[Mode, frozenset[str]]] = {
    "INTERACTIVE": frozenset({"jupyter_server", "papermill", "ipykernel"}),
    "BATCH": frozenset({"papermill", "ipykernel"}),
}
_PROBING: Final = 60.0
_PROBE: Final = """
from importlib.util import find_spec
names = ("papermill", "ipykernel", "jupyter_server", "jupyterlab")
print(" ".join(name for name in names if find_spec(name)))
"""


class KernelEnvironment:
    """Either a Python that the operator names, or an environment made here, once.

    An environment is made in place, since it cannot be moved, and counts only once its marker is
    written, at the very end. Other packages make another environment: one in use never changes.
    """

    def __init__(self, config: LocalConfig, directory: Path) -> None:
        self._given = Path(config.kernel_python) if config.kernel_python else None
        self._requirements = sorted({*_NEEDED, *config.packages})
        self._directory = directory / _digest(self._requirements)
        self._installer = Installer(config.pip_options, config.install_limit)
        self._found: frozenset[str] | None = None

    @property
    def python(self) -> Path:
        return self._given or self._directory / "bin" / "python"

    @property
    def name(self) -> str | None:
        """What it is called where environments are made; None for one that the operator names."""
        return None if self._given else self._directory.name

    @property
    def stamp(self) -> str:
        """What tells this environment from others. Quick: asked for every report."""
        try:
            made = (self.python.parent.parent / "pyvenv.cfg").stat().st_mtime_ns
        except OSError:
            made = 0
        return f"{self.python} {made}"

    def ready(self) -> bool:
        """Whether it is there. Quick: asked for every report."""
        if self._given is not None:
            return os.access(self._given, os.X_OK)
        return is_ready(self._directory) and os.access(self.python, os.X_OK)

    async def modes(self) -> tuple[Mode, ...]:
        """The modes that notebooks can be run in here; none when it cannot be used."""
        if self._given is None:
            return tuple(_MODES)
        try:
            found = await self._probe(self._given)
        except Permanent:
            return ()
        return tuple(mode for mode, needed in _MODES.items() if needed <= found)

    async def prepare(self, mode: Mode, progress: Progress) -> bool:
        """Make it when it is missing. False while another process is making it. Either tells how
        far that is.

        Whoever calls has told of its `name` before: so it is not removed meanwhile.
        """
        if self._given is not None:
            await self._check(self._given, mode)
            return True
        self._directory.parent.mkdir(parents=True, exist_ok=True)
        with taken(self._directory) as is_ours:
            if is_ours and self.ready():
                mark_used(self._directory)
                return True
        with locked(self._directory) as lock:
            if lock is None:
                tell(self._directory, progress)
                return False
            if not self.ready():
                python = Path(sys.executable)
                failure = await self._installer.make(
                    self._directory, lock, python
                ) or await self._installer.install(
                    self._directory, lock, self._requirements, progress
                )
                if failure is not None:
                    raise self._error(failure)
                mark_ready(self._directory, requirements=self._requirements)
        return True

    async def has_page(self) -> bool:
        """Whether a Jupyter server here has JupyterLab to show. Only once it is prepared."""
        return "jupyterlab" in await self._probe(self.python)

    async def _check(self, python: Path, mode: Mode) -> None:
        missing = _MODES[mode] - await self._probe(python)
        if missing:
            reason = f"{python} lacks what notebooks need: {', '.join(sorted(missing))}"
            raise Permanent(messages.ENVIRONMENT_FAILED(reason=reason))

    async def _probe(self, python: Path) -> frozenset[str]:
        """Which of the modules that matter are there; looked up once."""
        if self._found is None:
            self._found = frozenset((await said_by(python, _PROBE)).split())
        return self._found

    def _error(self, failure: Failure) -> Permanent | Transient:
        errors = [line for line in failure.lines if "ERROR" in line]
        last = (errors or failure.lines)[-1]
        message = messages.ENVIRONMENT_FAILED(
            reason=f"{last} (all of it is in {log_of(self._directory)})"
        )
        return Permanent(message) if failure.is_hopeless else Transient(message)


async def said_by(python: Path, script: str) -> str:
    """What a script prints. Permanent when that Python cannot run it."""
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(
            python, "-c", script, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe
        )
    except OSError as error:
        reason = f"{python} cannot be run: {error.strerror}"
        raise Permanent(messages.ENVIRONMENT_FAILED(reason=reason)) from None
    try:
        said, complaint = await asyncio.wait_for(process.communicate(), _PROBING)
    except TimeoutError:
        process.kill()
        await process.wait()
        reason = f"{python} does not answer"
        raise Permanent(messages.ENVIRONMENT_FAILED(reason=reason)) from None
    if process.returncode:
        last = complaint.decode("utf-8", "replace").strip().rpartition("\n")[2]
        reason = f"{python} cannot be used: {last}"
        raise Permanent(messages.ENVIRONMENT_FAILED(reason=reason))
    return said.decode("utf-8", "replace")


def _digest(requirements: Sequence[str]) -> str:
    base = [sys.base_prefix, list(sys.version_info[:3]), list(requirements)]
    return hashlib.sha256(json.dumps(base).encode()).hexdigest()[:12]
