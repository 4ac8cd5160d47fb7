"""What is read-only stays as it was: told by checksum, since whoever runs may undo modes."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from execution_broker.domain import messages
from execution_broker.models.message import Message
from execution_broker.platforms.local.files import read_json, write_json
from execution_broker.platforms.local.paths import SessionPaths
from execution_broker.platforms.local.volumes import Mount

_UNREADABLE: Final = "it cannot be read any more"


class Protected(msgspec.Struct, frozen=True):
    """A file under a read-only volume, and what tells without reading it that it is as it was."""

    file: str
    name: str
    sha256: str
    fingerprint: list[int]


def note_staged(paths: SessionPaths, index: int, file: str, sha256: str) -> None:
    """Remember what the content of a data resource was when it was put in place."""
    write_json(_note(paths, index), {"file": file, "sha256": sha256})


def protected(mounts: Sequence[Mount], paths: SessionPaths) -> list[dict[str, object]]:
    """The staged files that read-only volumes show and no other volume lets write."""
    writable = [mount.target for mount in mounts if mount.writable]
    found: dict[str, dict[str, object]] = {}
    for mount in mounts:
        for file, sha256 in _staged(paths):
            shown = not mount.writable and file.is_relative_to(mount.target)
            if shown and not any(file.is_relative_to(target) for target in writable):
                name = "/" + str(mount.place / file.relative_to(mount.target))
                one = Protected(str(file), name, sha256, _fingerprint(file.lstat()))
                found[str(file)] = msgspec.to_builtins(one)
    return list(found.values())


def changes(files: Iterable[Protected]) -> tuple[Message, ...]:
    """A message for each file that is not as it was. Reads those that have been touched."""
    said = []
    for one in files:
        reason = _difference(one)
        if reason is not None:
            said.append(messages.INPUT_CHANGED(file=one.name, reason=reason))
    return tuple(said)


def _staged(paths: SessionPaths) -> Iterable[tuple[Path, str]]:
    for note in sorted(paths.control.directory.glob("staged-*.json")):
        told = read_json(note)
        if told is not None:
            yield Path(told["file"]), told["sha256"]


def _note(paths: SessionPaths, index: int) -> Path:
    return paths.control.directory / f"staged-{index}.json"


def _difference(one: Protected) -> str | None:
    path = Path(one.file)
    try:
        if _fingerprint(path.lstat()) == one.fingerprint:
            return None
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - an open descriptor has no path
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return "it is gone"
    except OSError:
        return _UNREADABLE
    return None if found == one.sha256 else f"expected sha256 {one.sha256}, found {found}"


def _fingerprint(status: os.stat_result) -> list[int]:
    """The time of the last change is the kernel's own: whoever writes cannot set it back."""
    return [status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns]
