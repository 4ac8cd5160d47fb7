"""Files that two processes share, and trees that somebody else has filled.

Standard library only: the shim uses this.
"""

import json
import os
import shutil
import stat
from pathlib import Path
from typing import Any


def write_json(path: Path, value: object) -> None:
    """Write a whole file or nothing: a reader never sees a part of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a file of ours; None where there is none, or it is not one of ours."""
    content = read_regular(path, 1 << 24)
    if content is None:
        return None
    try:
        value = json.loads(content)
    except ValueError:
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
    """Remove a directory and all below it, whatever modes it was given. Finding nothing is fine."""
    try:
        path.chmod(0o700)
        for directory, below, _ in os.walk(path):
            for name in below:
                child = Path(directory, name)
                if not child.is_symlink():
                    child.chmod(0o700)
        shutil.rmtree(path)
    except FileNotFoundError:
        if path.exists():
            raise


def tree_size(path: Path) -> int:
    """Bytes that the files below take on the disk; what vanishes meanwhile does not count."""
    total = 0
    for directory, _, files in os.walk(path):
        for name in files:
            try:
                total += os.lstat(os.path.join(directory, name)).st_blocks * 512  # noqa: PTH118 - many files
            except OSError:
                continue
    return total
