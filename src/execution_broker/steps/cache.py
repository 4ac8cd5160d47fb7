"""The content cache: verified files by their sha256, kept so that no source is read twice.

An entry is read-only and never written again: it gets its name when it is complete. Whoever takes
content from it verifies it, and removes an entry that is not what its name says.
"""

import errno
import hashlib
import os
import re
from collections.abc import Container, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec

from execution_broker.ports.data import Access
from execution_broker.steps import files
from execution_broker.steps.origins import Origins

_NAME: Final = re.compile(r"[0-9a-f]{64}")
_PART: Final = re.compile(r"\.[0-9a-f]{64}\.(?:[0-9a-f]{16}\.part|fetching)")


class Entry(msgspec.Struct, frozen=True, order=True):
    """One cached file. `used`: when it was last put or taken, in nanoseconds."""

    used: int
    size: int
    path: Path


class ContentCache:
    """Entries are `<directory>/sha256/ab/<sha256>`; `origins` tells where they came from. Safe for
    any number of processes."""

    def __init__(self, directory: Path, reserve: int) -> None:
        """`reserve`: bytes that are left free on the disk."""
        self.origins = Origins(directory)
        self._directory = directory / "sha256"
        self._reserve = reserve

    def open(self, sha256: str) -> int | None:
        """A descriptor of an entry, which counts as a use, or None. The caller closes it."""
        try:
            fd = files.open_regular(self._path(sha256))
        except OSError:
            return None
        with suppress(OSError):  # then it only looks used longer ago than it was
            os.utime(fd)
        return fd

    def adopt(self, fd: int, sha256: str, access: Access) -> files.Work[None]:
        """Keep the content of an open file.

        By hard link where the file is READ_ONLY, else as a copy of its own, so that nobody who
        writes the file changes the entry. OSError when it cannot be kept.
        """
        path = self._path(sha256)
        self._make_place(path)
        try:
            if access is Access.READ_WRITE or not files.linked(fd, path):
                yield from self._copy(fd, sha256)
        except FileExistsError:  # known already, or somebody else was quicker
            os.utime(path)

    def discard(self, sha256: str) -> None:
        self._path(sha256).unlink(missing_ok=True)
        self.origins.forget(sha256)

    def holds(self, sha256: str) -> bool:
        return bool(_NAME.fullmatch(sha256)) and self._path(sha256).is_file()

    def newest(self, count: int) -> frozenset[str]:
        """The sha256 of what is public of the entries that were used last."""
        latest = sorted(self._entries(), reverse=True)[:count]
        return frozenset(one.path.name for one in latest if self.origins.is_public(one.path.name))

    @contextmanager
    def fetching(self, sha256: str, place: str) -> Iterator[bool]:
        """Whether nobody else fetches this content from this place; then nobody will until the
        end. Where there are no locks, everybody may."""
        what = hashlib.sha256(f"{sha256} {place}".encode(errors="surrogatepass")).hexdigest()
        path = self._path(sha256).with_name(f".{what}.fetching")
        try:
            self._make_place(path)
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            yield True
            return
        is_ours = files.is_alone(fd, path)
        try:
            yield is_ours
        finally:
            if is_ours:
                path.unlink(missing_ok=True)
            os.close(fd)

    def size(self) -> int:
        """Bytes of all entries. What cut-off attempts have left behind is removed."""
        for path in self._names(_PART):
            files.remove_abandoned(path)
        return sum(entry.size for entry in self._entries())

    def has_room(self, sha256: str, size: int, limit: int) -> bool:
        """Whether this content may be kept, or is: together with all entries, and all that are
        being made, it takes no more than `limit` bytes."""
        if self.holds(sha256):
            return True
        total = size + sum(entry.size for entry in self._entries())
        for path in self._names(_PART):
            with suppress(FileNotFoundError):
                total += path.lstat().st_size
        return total <= limit

    def trim(self, limit: int, wanted: Container[str]) -> int:
        """Remove the least recently used until at most `limit` bytes are left, or only what is
        wanted by its sha256. The answer is how many bytes of entries were removed."""
        kept = total = self.size()
        for entry in sorted(self._entries()):
            if kept <= limit:
                break
            if entry.path.name not in wanted:
                self.discard(entry.path.name)
                kept -= entry.size
        return total - kept

    def _copy(self, fd: int, sha256: str) -> files.Work[None]:
        path = self._path(sha256)
        if path.exists():
            raise FileExistsError(errno.EEXIST, "exists", sha256)
        if files.free_bytes(path.parent) - os.fstat(fd).st_size < self._reserve:
            raise OSError(errno.ENOSPC, "no space left")
        with files.Part(path) as part:
            content = yield from files.duplicated(fd, part)
            if content.sha256 != sha256:
                raise OSError(errno.EIO, "the content has changed")
            part.seal(files.READ_ONLY_MODE)
            files.place(part.path, path)

    def _make_place(self, path: Path) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)  # entries are of all users
        path.parent.mkdir(exist_ok=True)

    def _path(self, sha256: str) -> Path:
        return self._directory / sha256[:2] / sha256

    def _entries(self) -> Iterator[Entry]:
        for path in self._names(_NAME):
            with suppress(FileNotFoundError):  # trimmed by somebody else meanwhile
                found = path.lstat()
                yield Entry(found.st_mtime_ns, found.st_size, path)

    def _names(self, pattern: re.Pattern[str]) -> Iterator[Path]:
        for directory in self._directory.glob("??"):
            for path in directory.iterdir():
                if pattern.fullmatch(path.name):
                    yield path
