"""The PostgreSQL that this system has installed: a private server of its own, like the bundled."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from tests.harness.postgres import PostgresServer

_DEBIAN: Final = Path("/usr/lib/postgresql")
_USER: Final = "postgres"
"""Whom the package makes. The server refuses to be root."""

_OLDEST: Final = 15


@contextmanager
def system_postgres_server() -> Iterator[PostgresServer]:
    """Skips where there is none that is supported."""
    programs = _programs()
    if programs is None:
        pytest.skip("this system has no PostgreSQL: apt-get install postgresql")
    if (version := _version(programs)) < _OLDEST:
        pytest.skip(f"this system has PostgreSQL {version}: install {_OLDEST} or later")
    with tempfile.TemporaryDirectory(prefix="pg", dir="/tmp") as directory:
        cluster = _Cluster(programs, Path(directory))
        cluster.make()
        cluster.start()
        try:
            address = f"postgresql://{_USER}:@/postgres?host={cluster.data}"
            yield PostgresServer(address, cluster.stop, cluster.start)
        finally:
            cluster.stop()


@dataclass
class _Cluster:
    programs: Path
    directory: Path

    @property
    def data(self) -> Path:
        """Its socket is here, too."""
        return self.directory / "d"

    def make(self) -> None:
        if os.geteuid() == 0:
            shutil.chown(self.directory, _USER)
        self._run("initdb", "--no-sync", "-U", _USER, "-A", "trust", "-E", "UTF8", "--locale=C")

    def start(self) -> None:
        options = f"-c listen_addresses= -c unix_socket_directories={self.data}"
        self._run("pg_ctl", "-w", "-l", str(self.directory / "log"), "-o", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-w", "-m", "fast", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        who: dict[str, Any] = {}
        if os.geteuid() == 0:
            who = {"user": _USER, "group": _USER, "extra_groups": ()}
        subprocess.run(
            [self.programs / program, "-D", self.data, *arguments],
            cwd=self.directory,
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=120,
            **who,
        )


def _programs() -> Path | None:
    """Where they are: on the path, or where Debian has them, the newest."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    kept = [path for path in _DEBIAN.glob("*/bin") if (path / "initdb").exists()]
    return max(kept, key=lambda path: int(path.parent.name), default=None)


def _version(programs: Path) -> int:
    told = subprocess.run(
        [programs / "initdb", "--version"], check=True, capture_output=True, text=True, timeout=60
    )
    found = re.search(r"\d+", told.stdout)
    assert found is not None, told.stdout
    return int(found[0])
