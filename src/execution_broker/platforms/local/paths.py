"""What lies where in the directory of a session.

    work/        the notebook's directory: its own file once it runs, its outputs, the volumes
    storage/     one directory for each storage resource
    scratch/     caches and settings of what runs: never kept
    control/     how the broker and the shim talk

Standard library only: the shim uses this.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Control:
    """The files through which the broker and the shim talk. Each is written as a whole."""

    directory: Path

    @property
    def notebook(self) -> Path:
        """The notebook as it was staged."""
        return self.directory / "notebook.ipynb"

    @property
    def parameters(self) -> Path:
        return self.directory / "parameters.json"

    @property
    def environment(self) -> Path:
        """The names of the environment for all notebooks (`base`) and of the one with this
        notebook's requirements (`own`); written before they are made, so that nobody removes
        them."""
        return self.directory / "environment.json"

    @property
    def token(self) -> Path:
        """What lets somebody in to the session's Jupyter server."""
        return self.directory / "token"

    @property
    def spec(self) -> Path:
        """What to run and how; written by the broker before the start."""
        return self.directory / "spec.json"

    @property
    def deadline(self) -> Path:
        """When it has to be over; written by the broker, also while it runs."""
        return self.directory / "deadline.json"

    @property
    def stop(self) -> Path:
        """Once this exists nothing may be started, and what runs is stopped."""
        return self.directory / "stop"

    @property
    def lock(self) -> Path:
        """Locked by the shim as long as it lives."""
        return self.directory / "lock"

    @property
    def shim(self) -> Path:
        """Which process the shim is. Once this exists nothing is started again."""
        return self.directory / "shim.json"

    @property
    def groups(self) -> Path:
        """Where the session may have control groups; written by the shim before it makes one."""
        return self.directory / "groups.json"

    @property
    def exit(self) -> Path:
        """How it ended; written by the shim once nothing runs any more."""
        return self.directory / "exit.json"

    @property
    def told(self) -> Path:
        """How far a batch is, and why it ended; written by the program that executes it."""
        return self.directory / "told.json"

    @property
    def log(self) -> Path:
        return self.directory / "shim.log"

    @property
    def manifest(self) -> Path:
        """Which outputs were kept."""
        return self.directory / "outputs.json"

    def stream(self, name: str) -> Path:
        return self.directory / name


@dataclass(frozen=True)
class SessionPaths:
    directory: Path

    @property
    def work(self) -> Path:
        return self.directory / "work"

    @property
    def storages(self) -> Path:
        return self.directory / "storage"

    @property
    def scratch(self) -> Path:
        return self.directory / "scratch"

    @property
    def runtime(self) -> Path:
        """What Jupyter processes write down of themselves."""
        return self.scratch / "jupyter" / "runtime"

    @property
    def control(self) -> Control:
        return Control(self.directory / "control")

    def storage(self, index: int, uuid: str) -> Path:
        """The directory of one storage resource."""
        return self.storages / f"{index}-{uuid[:8]}"
