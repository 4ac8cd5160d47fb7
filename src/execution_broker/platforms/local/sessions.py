"""The session directories of one platform, and the register of them.

    <root>/<user, as a safe name>/broker/<session>/      what a session has (`paths`)
    <register>/<session>.json                            that it has it, and where

The register is written before a directory is made and cleared after it is gone, and lies where no
notebook works: so whatever is left of a session is found, whatever became of the directory.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

from execution_broker.platforms.local.files import files_below, read_json, remove_tree, write_json
from execution_broker.platforms.local.names import safe_name
from execution_broker.platforms.local.paths import SessionPaths

_SUFFIX: Final = ".json"


@dataclass(frozen=True)
class Held:
    """A session that has, or is about to have, or has had a directory."""

    session: UUID
    paths: SessionPaths


class Sessions:
    def __init__(self, root: Path, register: Path) -> None:
        """`register` is this platform's alone; a root may be shared with others."""
        self.root = root
        self._register = register

    def of(self, owner: str, session: UUID) -> SessionPaths:
        """Where a session's directory is, or would be."""
        return SessionPaths(self.root / safe_name(owner) / "broker" / str(session))

    def make(self, owner: str, session: UUID) -> SessionPaths:
        """The directory of a session, made where it is missing. Repeatable, by several at once."""
        paths = self.of(owner, session)
        if not self._entry(session).exists():
            self._register.mkdir(parents=True, exist_ok=True)
            write_json(self._entry(session), {"directory": str(paths.directory)})
        paths.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for directory in (paths.control.directory, paths.work, paths.scratch, paths.storages):
            directory.mkdir(exist_ok=True)
        return paths

    def all(self) -> Iterator[Held]:
        for entry in sorted(self._register.glob(f"*{_SUFFIX}")):
            directory = (read_json(entry) or {}).get("directory")
            if directory is not None:
                yield Held(UUID(entry.stem), SessionPaths(Path(directory)))

    def reopen(self, paths: SessionPaths) -> None:
        """Let the broker in again, where a notebook has closed its own directory."""
        for directory in (paths.directory, paths.control.directory, paths.storages):
            with contextlib.suppress(FileNotFoundError):
                directory.chmod(0o700)

    def remove(self, session: UUID) -> None:
        """Make everything of a session gone. Nothing of it may run any more. Repeatable."""
        directory = (read_json(self._entry(session)) or {}).get("directory")
        if directory is not None:
            remove_tree(Path(directory))
            self._entry(session).unlink(missing_ok=True)
        for unfinished in self._register.glob(f".{self._entry(session).name}.*"):
            unfinished.unlink(missing_ok=True)

    def remove_when_empty(self, paths: SessionPaths, session: UUID) -> None:
        """Make the directory gone once no file is left in it."""
        if not any(True for _ in files_below(paths.directory)):
            self.remove(session)

    def _entry(self, session: UUID) -> Path:
        return self._register / f"{session}{_SUFFIX}"
