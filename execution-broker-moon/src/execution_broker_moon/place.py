"""The place itself, as its own client would offer it: replace this with calls of yours.

This one runs nothing. It writes down what it was told, in a directory that every process shares,
so that it outlives the broker. Methods may block: the platform calls them in threads.
"""

import shutil
import time
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from uuid import UUID

import msgspec


class State(Enum):
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Job(msgspec.Struct, frozen=True):
    """What was started for one session, and what it has printed so far."""

    command: tuple[str, ...]
    since: float
    state: State

    @property
    def printed(self) -> bytes:
        return f"{' '.join(self.command)}\n".encode()


class Place:
    """Everything of one session is below one directory, which is named after the session."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def make(self, session: UUID) -> Path:
        """The home of a session. Repeatable."""
        home = self._home(session)
        home.mkdir(parents=True, exist_ok=True)
        return home

    def submit(self, session: UUID, command: Sequence[str]) -> None:
        """Start it, unless that has happened already."""
        file = self._home(session) / "job"
        if not file.exists():
            state = State.FAILED if list(command) == ["false"] else State.RUNNING
            job = Job(tuple(command), time.time(), state)
            temporary = file.with_suffix(".new")
            temporary.write_bytes(msgspec.json.encode(job))
            temporary.rename(file)

    def find(self, session: UUID) -> Job | None:
        """How it goes. `sleep 5` takes five seconds, `sleep forever` never ends, `false` fails;
        all else succeeds at once, and leaves what it printed as an output."""
        try:
            job = msgspec.json.decode((self._home(session) / "job").read_bytes(), type=Job)
        except FileNotFoundError:
            return None
        if job.state is State.RUNNING and time.time() >= job.since + _seconds(job.command):
            outputs = self._home(session) / "outputs"
            outputs.mkdir(exist_ok=True)
            (outputs / "printed.txt").write_bytes(job.printed)
            return msgspec.structs.replace(job, state=State.SUCCEEDED)
        return job

    def stop(self, session: UUID) -> None:
        """Nothing of it runs after this. Finding nothing is fine."""
        job = self.find(session)
        if job is not None and job.state is State.RUNNING:
            stopped = msgspec.structs.replace(job, state=State.FAILED)
            (self._home(session) / "job").write_bytes(msgspec.json.encode(stopped))

    def outputs(self, session: UUID) -> list[Path]:
        """The files that it made."""
        return sorted((self._home(session) / "outputs").glob("*"))

    def sessions(self) -> list[UUID]:
        """Of which sessions anything is here."""
        return [UUID(home.name) for home in self._directory.glob("*-*-*-*-*")]

    def remove(self, session: UUID) -> None:
        """Nothing of it is left after this. Finding nothing is fine."""
        shutil.rmtree(self._home(session), ignore_errors=True)

    def _home(self, session: UUID) -> Path:
        return self._directory / str(session)


def _seconds(command: Sequence[str]) -> float:
    match list(command):
        case ["sleep", "forever"]:
            return float("inf")
        case ["sleep", seconds]:
            return float(seconds)
    return 0.0
