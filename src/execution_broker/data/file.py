"""Data behind file URLs: files that the worker's machine has, below roots an operator names."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO, ClassVar, Final
from urllib.parse import unquote_to_bytes, urlsplit

import msgspec

from execution_broker.domain import messages
from execution_broker.domain.errors import Permanent, Transient
from execution_broker.domain.naming import shown
from execution_broker.ports.data import Looked, Source

_CHUNK: Final = 1 << 20
_STEP: Final = os.O_NOFOLLOW | os.O_CLOEXEC


class FileConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`roots`: absolute directories below which regular files may be read. None by default."""

    roots: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for root in self.roots:
            if not Path(root).is_absolute():
                raise ValueError(f"the root {root} is no absolute path")


class FileTransfer:
    """Reads file URLs. A symbolic link is followed as long as it stays below the roots."""

    schemes: ClassVar[frozenset[str]] = frozenset({"file"})
    Config: ClassVar[type[msgspec.Struct]] = FileConfig

    def __init__(self, config: FileConfig) -> None:
        self._roots = config.roots

    async def look(self, source: Source) -> Looked:
        file = await asyncio.to_thread(self._open, source)
        try:
            return Looked(os.fstat(file.fileno()).st_size)
        finally:
            await asyncio.to_thread(file.close)

    async def read(self, source: Source) -> AsyncIterator[bytes]:
        """Transient when the file changes its size while it is read."""
        file = await asyncio.to_thread(self._open, source)
        try:
            size, received = os.fstat(file.fileno()).st_size, 0
            while chunk := await asyncio.to_thread(_next_chunk, file, source):
                received += len(chunk)
                yield chunk
            if received != size:
                raise _transient(source, "it changed while it was read")
        finally:
            # In a thread, behind the file's own lock: a read that was cancelled may still run.
            await asyncio.to_thread(file.close)

    async def close(self) -> None:
        """Nothing is kept open."""

    def _open(self, source: Source) -> BinaryIO:
        path = _path(source)
        try:
            return os.fdopen(self._open_below_roots(path, source), "rb")
        except (FileNotFoundError, NotADirectoryError):
            raise _permanent(source, "there is no such file") from None
        except PermissionError:
            raise _permanent(source, "the broker may not read it") from None
        except OSError as error:
            raise _transient(source, (error.strerror or "input or output failed").lower()) from None

    def _open_below_roots(self, path: Path, source: Source) -> int:
        """Resolve first, then open part by part without following links: a link that is put in
        between the two is met as a link, and refused."""
        resolved = Path(os.path.realpath(path))
        for root in (Path(os.path.realpath(root)) for root in self._roots):
            if resolved.is_relative_to(root):
                return _descend(root, resolved.relative_to(root).parts, source)
        raise Permanent(
            messages.NOT_ALLOWED(
                place=shown(source.location),
                reason="it is below none of the directories that may be read; the operator can"
                " permit it in transfers.file.roots",
            )
        )


def _path(source: Source) -> Path:
    parts = urlsplit(source.location)
    if parts.netloc.lower() not in ("", "localhost"):
        raise _permanent(source, "a file URL can name no other host")
    if parts.query or parts.fragment:
        raise _permanent(source, "a file URL has no query; write ? as %3F and # as %23")
    path = unquote_to_bytes(parts.path)
    if b"\0" in path or not path.startswith(b"/"):
        raise _permanent(source, "it is no absolute path")
    return Path(os.fsdecode(path))


def _descend(root: Path, parts: tuple[str, ...], source: Source) -> int:
    here = os.open(root, os.O_RDONLY | os.O_DIRECTORY | _STEP)
    try:
        for part in parts[:-1]:
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | _STEP, dir_fd=here)
            os.close(here)
            here = below
        name = parts[-1] if parts else "."
        if not stat.S_ISREG(os.stat(name, dir_fd=here, follow_symlinks=False).st_mode):
            raise _permanent(source, "it is no regular file")
        return _open_regular(name, here, source)
    finally:
        os.close(here)


def _open_regular(name: str, directory: int, source: Source) -> int:
    """Non-blocking, in case something else has taken the file's place just now."""
    opened = os.open(name, os.O_RDONLY | os.O_NONBLOCK | _STEP, dir_fd=directory)
    if stat.S_ISREG(os.fstat(opened).st_mode):
        return opened
    os.close(opened)
    raise _permanent(source, "it is no regular file")


def _next_chunk(file: BinaryIO, source: Source) -> bytes:
    try:
        return file.read(_CHUNK)
    except OSError as error:
        raise _transient(source, (error.strerror or "reading failed").lower()) from None


def _permanent(source: Source, reason: str) -> Permanent:
    return Permanent(messages.SOURCE_FAILED(location=shown(source.location), reason=reason))


def _transient(source: Source, reason: str) -> Transient:
    return Transient(messages.SOURCE_FAILED(location=shown(source.location), reason=reason))
