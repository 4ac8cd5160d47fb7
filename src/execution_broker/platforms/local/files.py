"""Files that two processes share, and trees that somebody else has filled.

Standard library only: the shim uses this.
"""

import contextlib
import ctypes
import json
import os
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def write_json(path: Path, value: object) -> None:
    """Write a whole file or nothing: a reader never sees a part of it, and it outlives a machine
    that stops."""
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - an open descriptor
        json.dump(value, file)
        file.flush()
        os.fsync(descriptor)
    Path(temporary).replace(path)
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """What was made, renamed and removed there is on the disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file_system(directory: Path) -> None:
    """See to it that all of the file system of a directory is on the disk: for many files this
    takes a small part of what `fsync` of each would."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(descriptor) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(directory))
    finally:
        os.close(descriptor)


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a file of ours; None where there is none, or it is not one of ours."""
    content = read_regular(path, 1 << 24)
    if content is None:
        return None
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def read_regular(path: Path, limit: int) -> bytes | None:
    """The content of a file of at most `limit` bytes; None for anything else.

    The path may have been replaced by whoever ran: a link is not followed, a pipe never waited for.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with open(descriptor, "rb") as file:  # noqa: PTH123 - an open descriptor has no path
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size > limit:
            return None
        return file.read(limit)


def remove_tree(path: Path) -> None:
    """Remove a directory and all below it, however deep and whatever modes it was given.

    Finding nothing is fine. OSError when something is left.
    """
    _run("rm", "-rf", "--", str(path))
    if _is_there(path):
        _run("chmod", "-R", "u+rwx", "--", str(path))
        words = _run("rm", "-rf", "--", str(path))
        if _is_there(path):
            raise OSError(f"{path} cannot be removed: {words}")


def files_below(top: Path) -> Iterator[os.DirEntry[str]]:
    """Everything below a directory that is no directory itself, in no order. Links are not
    followed, and what cannot be read is passed over. A tree of any depth."""
    ahead = [os.fspath(top)]
    while ahead:
        try:
            with os.scandir(ahead.pop()) as entries:
                found = list(entries)
        except OSError:
            continue
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                ahead.append(entry.path)
            else:
                yield entry


def tree_size(top: Path) -> int:
    """Bytes that the files below take on the disk; what vanishes meanwhile does not count."""
    total = 0
    for entry in files_below(top):
        with contextlib.suppress(FileNotFoundError):
            total += entry.stat(follow_symlinks=False).st_blocks * 512
    return total


def _is_there(path: Path) -> bool:
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _run(*command: str) -> str:
    """What a command of the system said on stderr."""
    done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - fixed commands
    return done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
