"""Files of the database, which only its own user may read: hashes, tokens and names are in them."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

_MODE: Final = 0o600


def make_private(path: Path) -> None:
    """Make the file, empty, unless it is there. Repeatable; one that is there is not even opened:
    closing it would end the locks that SQLite has on it in this process.

    SQLite gives its journals the mode of the file that they belong to.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE))


def open_private(path: Path) -> int:
    """A descriptor of the file, which is made if need be, and taken from others if it was theirs.
    The caller closes it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
    os.fchmod(descriptor, _MODE)
    return descriptor
