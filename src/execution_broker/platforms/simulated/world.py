"""The simulated world: one file, shared by every process that takes part in it.

It stands for what is outside of the broker, so it is none of the broker's tables. What goes on in
it follows from instants that are written down: nothing has to run for time to pass. It survives
whatever becomes of processes; it need not survive a power cut, so no write waits for the disk.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS thing (
    label TEXT, session TEXT, key TEXT, name TEXT, ready REAL, gone REAL,
    PRIMARY KEY (label, session, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS run (
    label TEXT, session TEXT, started REAL, ends REAL, status INTEGER, is_lost INTEGER DEFAULT 0,
    PRIMARY KEY (label, session)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS creation (
    number INTEGER PRIMARY KEY, label TEXT, session TEXT, key TEXT, name TEXT
);
CREATE TABLE IF NOT EXISTS attempt (
    label TEXT, session TEXT, operation TEXT, number INTEGER,
    PRIMARY KEY (label, session, operation)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS place (label TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outage (label TEXT PRIMARY KEY) WITHOUT ROWID;
"""
_REMEMBERED: Final = 1_000_000
"""How many creations are told of: so that the file does not grow for ever."""


class Run(NamedTuple):
    """Something that was started. `ends` None: when the time of the session is over."""

    started: float
    ends: float | None
    status: int
    is_lost: bool


class Creation(NamedTuple):
    """That something was made, ever: of each name there must be one."""

    session: UUID
    key: str
    name: str


class World:
    """One place in the world: `label` says whose it is. Instants in epoch seconds, by one clock.

    Every method is one short transaction; none waits for anything but another one.
    """

    def __init__(self, path: Path, label: str) -> None:
        self._label = label
        _make_private(path)
        self._connection = sqlite3.connect(
            path, timeout=10, isolation_level=None, check_same_thread=False
        )
        for pragma in ("journal_mode=WAL", "synchronous=OFF"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.executescript(_TABLES)
        self._connection.execute("INSERT OR IGNORE INTO place VALUES (?)", (label,))

    def make(self, session: UUID, key: str, name: str, ready: float) -> float:
        """When the thing of this key is ready: at `ready`, unless it was made before."""
        with self._writing() as connection:
            made = connection.execute(
                "INSERT OR IGNORE INTO thing VALUES (?, ?, ?, ?, ?, NULL)",
                (self._label, str(session), key, name, ready),
            )
            if made.rowcount:
                self._note_creation(session, key, name)
                return ready
            found = connection.execute(
                "SELECT ready FROM thing WHERE label = ? AND session = ? AND key = ?",
                (self._label, str(session), key),
            ).fetchone()
            return float(found[0])

    def remove(self, session: UUID, key: str, now: float, delay: float) -> float:
        """The seconds until the thing is gone: `delay` from the first call, zero if there is
        none."""
        whose = (self._label, str(session), key)
        with self._writing() as connection:
            found = connection.execute(
                "SELECT gone FROM thing WHERE label = ? AND session = ? AND key = ?", whose
            ).fetchone()
            if found is None:
                return 0.0
            gone = now + delay if found[0] is None else float(found[0])
            if gone <= now:
                connection.execute(
                    "DELETE FROM thing WHERE label = ? AND session = ? AND key = ?", whose
                )
                self._forget_attempts(session)
            else:
                connection.execute(
                    "UPDATE thing SET gone = ? WHERE label = ? AND session = ? AND key = ?",
                    (gone, *whose),
                )
            return max(0.0, gone - now)

    def has(self, session: UUID, key: str) -> bool:
        found = self._connection.execute(
            "SELECT 1 FROM thing WHERE label = ? AND session = ? AND key = ?",
            (self._label, str(session), key),
        )
        return found.fetchone() is not None

    def start(self, session: UUID, run: Run) -> Run:
        """What is started: this, unless something was started before."""
        row = (self._label, str(session), run.started, run.ends, run.status)
        with self._writing() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO run (label, session, started, ends, status)"
                " VALUES (?, ?, ?, ?, ?)",
                row,
            )
            found = self.run(session)
            assert found is not None
            return found

    def run(self, session: UUID) -> Run | None:
        found = self._connection.execute(
            "SELECT started, ends, status, is_lost FROM run WHERE label = ? AND session = ?",
            (self._label, str(session)),
        ).fetchone()
        return None if found is None else Run(found[0], found[1], found[2], bool(found[3]))

    def end_run(self, session: UUID) -> None:
        """Forget what was started."""
        self._delete("run", session)

    def destroy(self, session: UUID) -> None:
        """Nothing of the session is left, but that it was made once."""
        for table in ("thing", "run", "attempt"):
            self._delete(table, session)

    def sessions(self) -> list[UUID]:
        """The sessions of which something is here."""
        found = self._connection.execute(
            "SELECT session FROM thing WHERE label = :label"
            " UNION SELECT session FROM run WHERE label = :label",
            {"label": self._label},
        )
        return [UUID(session) for (session,) in found]

    def count_attempt(self, session: UUID | None, operation: str) -> int:
        """How often this was tried, with this time."""
        found = self._connection.execute(
            "INSERT INTO attempt VALUES (?, ?, ?, 1)"
            " ON CONFLICT DO UPDATE SET number = number + 1 RETURNING number",
            (self._label, str(session or ""), operation),
        ).fetchall()
        return int(found[0][0])

    def creations(self) -> list[Creation]:
        """Everything that was ever made, in order."""
        found = self._connection.execute(
            "SELECT session, key, name FROM creation WHERE label = ? ORDER BY number",
            (self._label,),
        )
        return [Creation(UUID(session), key, name) for session, key, name in found]

    def lose(self, session: UUID) -> bool:
        """Let what was started be gone without a trace; whether there was anything."""
        done = self._connection.execute(
            "UPDATE run SET is_lost = 1 WHERE label = ? AND session = ?",
            (self._label, str(session)),
        )
        return done.rowcount > 0

    def go_down(self) -> None:
        """From now on every call to this place fails."""
        self._connection.execute("INSERT OR IGNORE INTO outage VALUES (?)", (self._label,))

    def come_up(self) -> None:
        self._connection.execute("DELETE FROM outage WHERE label = ?", (self._label,))

    def is_down(self) -> bool:
        found = self._connection.execute("SELECT 1 FROM outage WHERE label = ?", (self._label,))
        return found.fetchone() is not None

    def close(self) -> None:
        self._connection.close()

    def _note_creation(self, session: UUID, key: str, name: str) -> None:
        made = self._connection.execute(
            "INSERT INTO creation (label, session, key, name) VALUES (?, ?, ?, ?)",
            (self._label, str(session), key, name),
        )
        number = made.lastrowid or 0
        if number % 1000 == 0:
            self._connection.execute(
                "DELETE FROM creation WHERE number <= ?", (number - _REMEMBERED,)
            )

    def _forget_attempts(self, session: UUID) -> None:
        """Once nothing of the session is here."""
        self._connection.execute(
            "DELETE FROM attempt WHERE label = :label AND session = :session AND NOT EXISTS ("
            "SELECT 1 FROM thing WHERE label = :label AND session = :session)",
            {"label": self._label, "session": str(session)},
        )

    def _delete(self, table: str, session: UUID) -> None:
        self._connection.execute(
            f"DELETE FROM {table} WHERE label = ? AND session = ?",  # noqa: S608 - of ours
            (self._label, str(session)),
        )

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._connection:  # commits, or rolls back what could not be finished
            self._connection.execute("BEGIN IMMEDIATE")
            yield self._connection


def _make_private(path: Path) -> None:
    """Make the file for our own user alone, unless it is there: then it is not even opened, as
    closing it would end the locks that SQLite has on it in this process."""
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def labels(path: Path) -> list[str]:
    """Whose places there are in a world."""
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT label FROM place ORDER BY label")
        return [label for (label,) in found]
