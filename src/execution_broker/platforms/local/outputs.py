"""Keeps what a session made: the files below its work directory and its writable volumes.

Not the inputs, as long as they are what they were; no links, no devices, nothing of others.
"""

import errno
import fcntl
import hashlib
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from execution_broker.domain import messages
from execution_broker.domain.naming import escaped, is_result_path
from execution_broker.models.message import Message
from execution_broker.platforms.local.files import (
    files_below,
    read_regular,
    remove_tree,
    sync_directory,
    sync_file_system,
)
from execution_broker.platforms.local.paths import SessionPaths
from execution_broker.platforms.local.protecting import Protected, changes
from execution_broker.ports.platform import Collected, Kept

_MIB: Final = 1 << 20
_NAMED: Final = 5
_LARGEST: Final = 1 << 28
T = TypeVar("T")
_UNWANTED: Final = frozenset({"__pycache__", ".ipynb_checkpoints", ".virtual_documents"})
_THIS_FILE_ONLY: Final = frozenset(
    {errno.EACCES, errno.ENAMETOOLONG, errno.ENOENT, errno.EPERM, errno.ENOTDIR, errno.EEXIST}
)
"""What goes wrong with one file because of what it is. Everything else concerns them all."""


class Candidate(msgspec.Struct, frozen=True):
    """A file that may be kept, and its path in the results."""

    file: Path
    path: str
    size: int


class _Recorded(msgspec.Struct, frozen=True):
    """What `launch.write_spec` wrote down for this."""

    executed: str = ""
    writable: dict[str, str] = {}
    inputs: dict[str, list[int]] = {}
    protected: tuple[Protected, ...] = ()


def fingerprints(inputs: Iterable[Path]) -> dict[str, list[int]]:
    """What tells whether a staged file has been changed, by its path."""
    return {str(path): _fingerprint(path.lstat()) for path in inputs}


def keep(paths: SessionPaths, results: Path, *, limit: int, most: int) -> Collected:
    """Copy the outputs to `results`, at most `limit` MiB and `most` files.

    The executed notebook comes first, then the smallest. Repeatable, also by several at once: what
    was kept once is the answer from then on.
    """
    if not paths.control.directory.is_dir():
        return Collected(outputs=_listed(results))
    with (paths.control.directory / "outputs.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not results.is_dir():
            _Keeper(paths, _partial(results), limit * _MIB, most).keep()
            _partial(results).rename(results)
            sync_directory(results.parent)
        manifest = _read(paths.control.manifest, Collected)
        return Collected(outputs=_listed(results)) if manifest is None else manifest


def forget(results: Path) -> None:
    remove_tree(results)
    remove_tree(_partial(results))


class _Keeper:
    """One pass over the outputs, into a directory of its own."""

    def __init__(self, paths: SessionPaths, target: Path, room: int, most: int) -> None:
        self._paths = paths
        self._recorded = _read(paths.control.spec, _Recorded) or _Recorded()
        self._target = target
        self._limit = self._room = room
        self._most = most
        self._kept: dict[str, Kept] = {}
        self._too_large: list[str] = []
        self._others: dict[str, list[str]] = {}

    def keep(self) -> None:
        remove_tree(self._target)
        self._target.mkdir(parents=True)
        executed = self._recorded.executed
        found = sorted(self._candidates(), key=lambda c: (c.path != executed, c.size, c.path))
        for candidate in found:
            self._take(candidate)
        sync_file_system(self._target)
        outputs = tuple(sorted(self._kept.values(), key=lambda kept: kept.path))
        faults = changes(self._recorded.protected)
        collected = Collected(outputs=outputs, messages=self._messages(), faults=faults)
        temporary = self._paths.control.manifest.with_suffix(".new")
        temporary.write_bytes(msgspec.json.encode(collected))
        temporary.replace(self._paths.control.manifest)

    def _candidates(self) -> Iterator[Candidate]:
        inputs = self._recorded.inputs
        seen = set()
        for file, path in self._files():
            try:
                status = file.lstat()
            except OSError:
                continue
            same = (status.st_dev, status.st_ino)
            if not stat.S_ISREG(status.st_mode) or same in seen:
                continue
            seen.add(same)
            if inputs.get(str(file)) != _fingerprint(status):
                yield Candidate(file, path, status.st_size)

    def _files(self) -> Iterator[tuple[Path, str]]:
        """All files, with the path that the notebook knew them by."""
        yield from _below(self._paths.work, "")
        for place, target in self._recorded.writable.items():
            if ".." in place.split("/") or place.startswith("/"):
                continue
            if Path(target).is_dir():
                yield from _below(Path(target), f"{place}/")
            else:
                yield Path(target), place

    def _take(self, one: Candidate) -> None:
        shown = os.fsencode(one.path).decode("utf-8", "backslashreplace")
        if shown != one.path:
            self._leave_out(shown, "their names are not UTF-8")
        elif not is_result_path(one.path):
            self._leave_out(escaped(one.path), "their names have control characters")
        elif one.size > self._room:
            self._too_large.append(shown)
        elif len(self._kept) == self._most:
            self._leave_out(shown, f"no more than {self._most} files are kept")
        elif one.path in self._kept:
            self._leave_out(shown, "other outputs have the same names")
        else:
            try:
                self._kept[one.path] = _copy(one, self._target / one.path)
            except OSError as error:
                if error.errno not in _THIS_FILE_ONLY:
                    raise
                self._leave_out(shown, error.strerror or "they cannot be read")
            else:
                self._room -= one.size

    def _leave_out(self, path: str, reason: str) -> None:
        self._others.setdefault(reason, []).append(path)

    def _messages(self) -> tuple[Message, ...]:
        said = []
        if self._too_large:
            limit, dropped = self._limit // _MIB, _named(self._too_large)
            said.append(messages.OUTPUTS_TOO_LARGE(limit=limit, dropped=dropped))
        for reason, paths in self._others.items():
            said.append(messages.OUTPUTS_LEFT_OUT(dropped=_named(paths), reason=reason))
        return tuple(said)


def _below(top: Path, prefix: str) -> Iterator[tuple[Path, str]]:
    for entry in files_below(top):
        path = os.path.relpath(entry.path, top)
        if _UNWANTED.isdisjoint(path.split("/")):
            yield Path(entry.path), prefix + path


def _copy(one: Candidate, target: Path) -> Kept:
    """Give the file a second name in the results where that will do, else copy it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if one.file.lstat().st_nlink > 1 or not _link(one.file, target):
        shutil.copyfile(one.file, target, follow_symlinks=False)
    target.chmod(0o644)
    with target.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Kept(one.path, target.stat().st_size, digest)


def _link(file: Path, target: Path) -> bool:
    try:
        os.link(file, target, follow_symlinks=False)
    except OSError:
        return False
    return True


def _listed(results: Path) -> tuple[Kept, ...]:
    """What was kept, looked up again: the list of it is gone."""
    kept = []
    for file, path in _below(results, ""):
        with file.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        kept.append(Kept(path, file.stat().st_size, digest))
    return tuple(sorted(kept, key=lambda one: one.path))


def _read(path: Path, kind: type[T]) -> T | None:
    """None where it is not there, or not ours any more: a notebook could have written it."""
    try:
        return msgspec.json.decode(read_regular(path, _LARGEST) or b"", type=kind)
    except (msgspec.DecodeError, RecursionError):
        return None


def _named(paths: list[str]) -> str:
    more = len(paths) - _NAMED
    names = ", ".join(paths[:_NAMED])
    return f"{names} and {more} more" if more > 0 else names


def _fingerprint(status: os.stat_result) -> list[int]:
    return [status.st_ino, status.st_size, status.st_mtime_ns]


def _partial(results: Path) -> Path:
    return results.with_name(f".partial-{results.name}")
