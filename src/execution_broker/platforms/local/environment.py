"""The environment that notebooks run in: a Python with papermill and ipykernel.

It is never the broker's own: what a notebook needs must not meet what the broker needs.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from execution_broker.domain import messages
from execution_broker.domain.errors import Permanent, Transient
from execution_broker.platforms.local.config import LocalConfig
from execution_broker.platforms.local.files import remove_tree, write_json

_NEEDED: Final = ("ipykernel>=6.29", "papermill>=2.6")
_LONGEST: Final = 1800.0
_HOPELESS: Final = (
    "Invalid requirement",
    "No matching distribution",
    "ResolutionImpossible",
    "requires a different Python",
    "Hash mismatch",
    "No module named pip",
)
_NETWORK: Final = ("Connection", "Temporary failure", "timed out", "Max retries", "ProxyError")
_PROBE: Final = """
import sys
from importlib.util import find_spec
sys.exit(", ".join(name for name in ("papermill", "ipykernel") if find_spec(name) is None) or 0)
"""


class KernelEnvironment:
    """Either a Python that the operator names, or an environment made here, once.

    An environment is made in place, since it cannot be moved, and counts only once its marker is
    written, at the very end. Other packages make another environment: one in use never changes, and
    has no pip of its own, so that no notebook changes it for the others.
    """

    def __init__(self, config: LocalConfig, directory: Path) -> None:
        self._given = Path(config.kernel_python) if config.kernel_python else None
        self._requirements = sorted({*_NEEDED, *config.packages})
        self._directory = directory / _digest(self._requirements)
        self._checked = False

    @property
    def python(self) -> Path:
        return self._given or self._directory / "bin" / "python"

    def ready(self) -> bool:
        """Whether it is there. Quick: asked for every report."""
        if self._given is not None:
            return os.access(self._given, os.X_OK)
        return self._marker.exists() and os.access(self.python, os.X_OK)

    async def prepare(self) -> bool:
        """Make it when it is missing. False while another process is making it."""
        if self._given is not None:
            await self._check(self._given)
            return True
        if self.ready():
            return True
        self._directory.parent.mkdir(parents=True, exist_ok=True)
        with _lock(self._directory.with_suffix(".lock")) as lock:
            if lock is None:
                return False
            if not self.ready():
                await self._make(lock)
        return True

    @property
    def _marker(self) -> Path:
        return self._directory / "ready.json"

    @property
    def _log(self) -> Path:
        return self._directory.with_suffix(".log")

    async def _check(self, python: Path) -> None:
        if self._checked:
            return
        try:
            process = await asyncio.create_subprocess_exec(
                python,
                "-c",
                _PROBE,
                stdin=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )
            _, missing = await process.communicate()
        except OSError as error:
            reason = f"{python} cannot be run: {error.strerror}"
            raise Permanent(messages.ENVIRONMENT_FAILED(reason=reason)) from None
        if process.returncode:
            last = missing.decode("utf-8", "replace").strip().rpartition("\n")[2]
            reason = f"{python} lacks what notebooks need: {last}"
            raise Permanent(messages.ENVIRONMENT_FAILED(reason=reason))
        self._checked = True

    async def _make(self, lock: int) -> None:
        await asyncio.to_thread(remove_tree, self._directory)
        pip = [sys.executable, "-m", "pip", "--python", str(self.python)]
        options = ["--no-input", "--disable-pip-version-check", "--retries", "2"]
        with self._log.open("wb") as log:
            for command in (
                [sys.executable, "-m", "venv", "--without-pip", str(self._directory)],
                [*pip, *options, "install", "--", *self._requirements],
            ):
                if await _run(command, log.fileno(), lock):
                    raise self._failure()
        write_json(self._marker, {"requirements": self._requirements})

    def _failure(self) -> Permanent | Transient:
        text = self._log.read_text("utf-8", "replace")
        last = next((line for line in reversed(text.splitlines()) if "ERROR" in line), "")
        last = last or text.strip().rpartition("\n")[2] or "it ended without a word"
        message = messages.ENVIRONMENT_FAILED(
            reason=f"{last.strip()} (all of it is in {self._log})"
        )
        hopeless = any(sign in text for sign in _HOPELESS)
        network = any(sign in text for sign in _NETWORK)
        return Permanent(message) if hopeless and not network else Transient(message)


async def _run(command: Sequence[str], log: int, lock: int) -> int:
    """Run to the end, holding the lock: when the broker dies, its successor waits for this."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        pass_fds=(lock,),
        start_new_session=True,
    )
    try:
        return await asyncio.wait_for(process.wait(), _LONGEST)
    except TimeoutError:
        return -1
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[int | None]:
    """A lock that children share: held until the last of them has ended. None when it is taken."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _digest(requirements: Sequence[str]) -> str:
    base = [sys.base_prefix, list(sys.version_info[:3]), list(requirements)]
    return hashlib.sha256(json.dumps(base).encode()).hexdigest()[:12]
