"""Files put in place so that no name ever shows half of one, in blocks that can be cut short.

What takes long is a `Work`: a generator that pauses after each block. `in_blocks` runs it in
threads, so that neither the event loop nor a cancellation has to wait for more than one block.
"""

import asyncio
import errno
import fcntl
import os
import re
import secrets
import stat
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, ParamSpec, Self, TypeVar

from execution_broker.steps.measuring import Content, Measure

P = ParamSpec("P")
T = TypeVar("T")
Work = Generator[None, None, T]

READ_ONLY_MODE: Final = 0o444
READ_WRITE_MODE: Final = 0o644

_BLOCK: Final = 4 << 20
_FICLONE: Final = 0x40049409
_NO_LINKS: Final = frozenset(
    {errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV, errno.ENOENT, errno.ENOSYS}
)
_SAFE_OPEN: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_SAFE_CREATE: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a short call in a thread. A cancellation waits for its end, so that nothing that it
    uses is closed or removed under it."""
    future = asyncio.get_running_loop().run_in_executor(None, partial(work, *args, **kwargs))
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        while not future.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([future])
        raise


async def in_blocks(work: Work[T]) -> T:
    """Run a work to its end, one block at a time, each in a thread."""

    def block() -> tuple[T] | None:
        try:
            next(work)
        except StopIteration as end:
            return (end.value,)
        return None

    try:
        while (ended := await in_thread(block)) is None:
            pass
        return ended[0]
    finally:
        await in_thread(work.close)


class Part:
    """A file that is being made beside its target, under a temporary name that nobody else uses.

    Locked while it is open: what `sweep` finds unlocked was left behind. Made by `making` or as
    a context, which remove the temporary name at the end, whatever happened.
    """

    def __init__(self, target: Path) -> None:
        self.path, self.fd = _make_locked(target)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.discard()

    def discard(self) -> None:
        os.close(self.fd)
        self.path.unlink(missing_ok=True)

    def append(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self.fd, rest) :]

    def seal(self, mode: int) -> None:
        """On the disk, with its final mode. Nothing is appended afterwards."""
        os.fchmod(self.fd, mode)
        os.fsync(self.fd)


@asynccontextmanager
async def making(target: Path) -> AsyncIterator[Part]:
    """A part for the event loop: to remove a large file takes a while, so a thread does it."""
    part = Part(target)
    try:
        yield part
    finally:
        await in_thread(part.discard)


def open_regular(file: Path) -> int:
    """A descriptor of a regular file. OSError for a link, a directory and anything else."""
    fd = os.open(file, _SAFE_OPEN)
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return fd
    os.close(fd)
    raise OSError(errno.EINVAL, "not a regular file")


@contextmanager
def opened(file: Path) -> Iterator[int]:
    fd = open_regular(file)
    try:
        yield fd
    finally:
        os.close(fd)


def measured(fd: int, algorithms: Iterable[str] = ()) -> Work[Content]:
    """The content of an open file, from its start."""
    measure = Measure(algorithms)
    while data := os.pread(fd, _BLOCK, measure.size):
        measure.add(data)
        yield
    return measure.content()


def duplicated(fd: int, part: Part, algorithms: Iterable[str] = ()) -> Work[Content]:
    """Put the content of an open file into an empty part, sharing the blocks on the disk where
    the file system can. The content is that of the part."""
    try:
        fcntl.ioctl(part.fd, _FICLONE, fd)
    except OSError:
        measure = Measure(algorithms)
        while data := os.pread(fd, _BLOCK, measure.size):
            part.append(data)
            measure.add(data)
            yield
        return measure.content()
    return (yield from measured(part.fd, algorithms))


def linked(fd: int, name: Path) -> bool:
    """Give an open file one more name. False where that cannot be: another file system, no links
    there, or no name left. FileExistsError when the name is taken."""
    try:
        # With a directory, which an absolute path ignores, Python really follows the link.
        os.link(f"/proc/self/fd/{fd}", name, src_dir_fd=fd, follow_symlinks=True)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno in _NO_LINKS:
            return False
        raise
    return True


@contextmanager
def linked_beside(fd: int, target: Path) -> Iterator[Path | None]:
    """A temporary name beside the target for an open file, or None where links cannot be."""
    path = _temporary(target)
    with suppress(OSError):  # against `sweep`; whoever else has it locked does as well
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    made = linked(fd, path)
    try:
        yield path if made else None
    finally:
        path.unlink(missing_ok=True)


def place(path: Path, target: Path) -> None:
    """Give a finished file its name. FileExistsError when anything has that name."""
    try:
        os.link(path, target, follow_symlinks=False)
        path.unlink()
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in _NO_LINKS or not path.exists():
            raise
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, "exists", str(target)) from None
        path.rename(target)
    _sync_directory(target.parent)


def replace(path: Path, target: Path) -> None:
    """Give a finished file its name, in place of any other file there."""
    path.replace(target)
    _sync_directory(target.parent)


def sweep(target: Path) -> None:
    """Remove what earlier attempts at this target left behind and nobody writes any more."""
    pattern = re.compile(re.escape(f".{target.name}.") + r"[0-9a-f]{16}\.part")
    with os.scandir(target.parent) as entries:
        left = [Path(entry.path) for entry in entries if pattern.fullmatch(entry.name)]
    for path in left:
        remove_abandoned(path)


def remove_abandoned(path: Path) -> None:
    """Remove a part unless somebody has it locked. What resists is left for the next time."""
    with suppress(OSError), opened(path) as fd:
        if not _is_locked(fd):
            path.unlink()


def is_alone(fd: int, path: Path) -> bool:
    """Whether an open file is locked for us now, and still the one of this name."""
    if _is_locked(fd):
        return False
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False


def free_bytes(directory: Path) -> int:
    """What may still be written to the file system of a directory."""
    found = os.statvfs(directory)
    return found.f_bavail * found.f_frsize


def _make_locked(target: Path) -> tuple[Path, int]:
    """A new temporary file. Made again when a `sweep` has come between making and locking it."""
    while True:
        path = _temporary(target)
        fd = os.open(path, _SAFE_CREATE, 0o600)
        if not _is_locked(fd) and os.fstat(fd).st_nlink:
            return path, fd
        os.close(fd)


def _temporary(target: Path) -> Path:
    return target.with_name(f".{target.name}.{secrets.token_hex(8)}.part")


def _sync_directory(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _is_locked(fd: int) -> bool:
    """Whether somebody else has it locked. If not, it is locked now."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # no locks on this file system
        return False
    return False
