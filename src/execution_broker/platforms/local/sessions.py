"""The session directories of one platform: made whole, found by their label, removed whole.

    <root>/<user, as a safe name>/broker/<session>/

A root may be shared with other platforms and other brokers: a label says whose a directory is. It
is made under another name and renamed, so that no directory is ever without its label; and it is
renamed before it is removed, so that one half removed is never taken for a session. The other
names tell session and owner too: what a crash left of them is found like a session.
"""

import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

from execution_broker.platforms.local.files import files_below, read_json, remove_tree, write_json
from execution_broker.platforms.local.names import continues, safe_name
from execution_broker.platforms.local.paths import SessionPaths

_BROKER: Final = "broker"
_NEW: Final = ".new"
_GONE: Final = ".gone"


@dataclass(frozen=True)
class Held:
    """A directory that belongs to a session of this platform, whole or half made or removed."""

    session: UUID
    directory: Path


class Sessions:
    def __init__(self, root: Path, instance: UUID, platform: str) -> None:
        self.root = root
        self._label = {"instance": str(instance), "platform": platform}
        self._mark = hashlib.sha256(f"{instance} {platform}".encode()).hexdigest()[:16]

    def of(self, owner: str, session: UUID) -> SessionPaths:
        """Where a session's directory is, or would be."""
        return SessionPaths(self.root / safe_name(owner) / _BROKER / str(session))

    def make(self, owner: str, session: UUID) -> SessionPaths:
        """The directory of a session, made when it is missing. Repeatable, by several at once."""
        paths = self.of(owner, session)
        if paths.label.exists():
            return paths
        home = paths.directory.parent
        home.mkdir(parents=True, exist_ok=True)
        new = SessionPaths(Path(tempfile.mkdtemp(prefix=self._name(_NEW, session), dir=home)))
        for directory in (new.control.directory, new.work, new.scratch, new.storages):
            directory.mkdir()
        write_json(new.label, {**self._label, "session": str(session)})
        try:
            new.directory.rename(paths.directory)
        except OSError:
            remove_tree(new.directory)
            if not paths.label.exists():
                raise
        return paths

    def all(self) -> Iterator[Held]:
        """Every directory that carries this platform's label."""
        for home in _homes(self.root):
            for entry in _entries(home):
                session = self._session_of(entry)
                if session is not None:
                    yield Held(session, entry)

    def remove(self, session: UUID) -> None:
        """Make everything of a session gone. Nothing of it may run any more. Repeatable."""
        for held in list(self.all()):
            if held.session == session:
                self._remove(held)

    def remove_when_empty(self, paths: SessionPaths, session: UUID) -> None:
        """Make the directory gone once no file is left in it but its label."""
        if not paths.label.exists():
            return
        if all(file.path == str(paths.label) for file in files_below(paths.directory)):
            self._remove(Held(session, paths.directory))

    def _remove(self, held: Held) -> None:
        home = held.directory.parent
        if not held.directory.name.startswith(_GONE):
            gone = Path(tempfile.mkdtemp(prefix=self._name(_GONE, held.session), dir=home))
            try:
                held.directory.rename(gone)
            except FileNotFoundError:
                gone.rmdir()
                return
            held = Held(held.session, gone)
        remove_tree(held.directory)

    def _name(self, what: str, session: UUID) -> str:
        return f"{what}.{session}.{self._mark}."

    def _session_of(self, entry: Path) -> UUID | None:
        if entry.name.startswith((_NEW, _GONE)):
            _, _, session, mark, *_ = [*entry.name.split("."), "", "", ""]
            return _uuid(session) if mark == self._mark else None
        label = read_json(entry / "label.json") or {}
        if any(label.get(name) != value for name, value in self._label.items()):
            return None
        return _uuid(entry.name)


def _homes(directory: Path) -> Iterator[Path]:
    for user in _entries(directory):
        if continues(user.name):
            yield from _homes(user)
        else:
            yield user / _BROKER


def _entries(directory: Path) -> list[Path]:
    try:
        return sorted(directory.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
