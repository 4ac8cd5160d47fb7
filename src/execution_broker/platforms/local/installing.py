"""Making environments with venv and pip: one process at a time, and never for ever."""

import asyncio
import contextlib
import fcntl
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from execution_broker.platforms.local.files import remove_tree
from execution_broker.platforms.local.pip_log import how_far, installed_in, words
from execution_broker.ports.data import Progress

_OPTIONS: Final = ("--no-input", "--disable-pip-version-check", "--retries", "2")
_TOLD: Final = ("--progress-bar", "raw")
_LOOK: Final = 0.5
_HOPELESS: Final = (
    "Invalid requirement",
    "No matching distribution",
    "ResolutionImpossible",
    "requires a different Python",
    "Hash mismatch",
    "No module named pip",
)
_NETWORK: Final = ("Connection", "Temporary failure", "timed out", "Max retries", "ProxyError")


@dataclass(frozen=True)
class Failure:
    """Why an environment could not be made. `lines`: the last that venv or pip said."""

    lines: tuple[str, ...]
    is_hopeless: bool


@dataclass(frozen=True)
class Installer:
    """`options` of the operator for pip; `seconds` is what one command may take."""

    options: tuple[str, ...]
    seconds: float

    async def make(self, directory: Path, lock: int, python: Path) -> Failure | None:
        """A new environment of a Python. What was there is removed first.

        It has no pip of its own, so that nothing that runs in it changes it for the others.
        """
        await asyncio.to_thread(remove_tree, directory)
        command = [str(python), "-m", "venv", "--without-pip", str(directory)]
        return await self._run(command, directory, lock)

    async def install(
        self, directory: Path, lock: int, requirements: Sequence[str], progress: Progress
    ) -> Failure | None:
        pip = [sys.executable, "-m", "pip", "--python", str(directory / "bin" / "python")]
        return await self._run(
            [*pip, *_OPTIONS, "install", *_TOLD, *self.options, "--", *requirements],
            directory,
            lock,
            lambda: tell(directory, progress),
        )

    async def _run(
        self,
        command: Sequence[str],
        directory: Path,
        lock: int,
        look: Callable[[], None] = lambda: None,
    ) -> Failure | None:
        log = log_of(directory)
        with log.open("wb") as file:
            try:
                status = await run(command, file.fileno(), lock, self.seconds, look)
            except OSError as error:
                return Failure((f"{command[0]} cannot be run: {error.strerror}",), is_hopeless=True)
        return _failure(log.read_text("utf-8", "replace"), self.seconds, status) if status else None


def log_of(directory: Path) -> Path:
    """What the last command for an environment said."""
    return directory.with_name(f"{directory.name}.log")


def tell(directory: Path, progress: Progress) -> None:
    """Tell how far the installation of an environment is, whoever makes it."""
    try:
        log = log_of(directory).read_text("utf-8", "replace")
    except OSError:
        return
    now = how_far(log, installed_in(directory))
    if now is not None:
        progress(*now)


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[int | None]:
    """A lock on an environment that children share: held until the last of them has ended. None
    when somebody else has it."""
    with _locked(directory, fcntl.LOCK_EX) as lock:
        yield lock


@contextlib.contextmanager
def taken(directory: Path) -> Iterator[bool]:
    """Whether nobody makes or removes an environment; then nobody will until the end."""
    with _locked(directory, fcntl.LOCK_SH) as lock:
        yield lock is not None


@contextlib.contextmanager
def _locked(directory: Path, how: int) -> Iterator[int | None]:
    path = directory.with_name(f"{directory.name}.lock")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)


async def run(
    command: Sequence[str], log: int, lock: int, seconds: float, look: Callable[[], None]
) -> int:
    """Run to the end, holding the lock: when the broker dies, its successor waits for this. `look`
    is called now and then, and once more at the end.

    The exit status; negative when it took longer than it may and was killed.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        pass_fds=(lock,),
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(seconds):
            ended = asyncio.ensure_future(process.wait())
            while not (await asyncio.wait([ended], timeout=_LOOK))[0]:
                await asyncio.to_thread(look)
            await asyncio.to_thread(look)
            return ended.result()
    except TimeoutError:
        return -signal.SIGKILL
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


def _failure(text: str, seconds: float, status: int) -> Failure:
    said = list(words(text))
    if status < 0:
        said.append(f"it was stopped after {seconds:.0f} s")
    hopeless = any(sign in text for sign in _HOPELESS)
    network = any(sign in text for sign in _NETWORK)
    return Failure(tuple(said) or ("it ended without a word",), hopeless and not network)
