"""What the broker keeps is for its own user alone, from the first instant of every file on."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from execution_broker.storage import migrate
from tests.harness.asking import request
from tests.harness.serving import first_server


@contextmanager
def watched(directory: Path) -> Iterator[dict[str, int]]:
    """The databases that are there meanwhile, and all that anybody but their owner could do with
    them at any time. Nothing but the broker keeps others out: the umask does not."""
    seen: dict[str, int] = {}
    ended = threading.Event()

    def look() -> None:
        while not ended.is_set():
            for file in directory.rglob("*.sqlite*"):
                try:
                    mode = file.stat().st_mode & 0o077
                except FileNotFoundError:
                    continue
                seen[file.name] = seen.get(file.name, 0) | mode

    before = os.umask(0)
    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()
        os.umask(before)


def test_the_files_of_a_first_start(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    directory.mkdir()
    settings = {"PLATFORMS__SIMULATED__TAKES": "everything"}
    with watched(directory) as seen, first_server(directory, settings) as broker:
        broker.ready()
        with broker.client() as client:
            assert client.post("/requests", json=request()).status_code == 303
        assert broker.stop() == 0
    name = "broker.sqlite"
    assert {name, f"{name}-wal", f"{name}-shm", f"{name}.migrating"} <= seen.keys()
    assert "world.sqlite" in seen
    assert {file: oct(mode) for file, mode in seen.items() if mode} == {}


def test_the_files_of_an_upgrade(tmp_path: Path) -> None:
    """Also of one that an older version began, which took less care."""
    path = tmp_path / "broker.sqlite"
    path.touch(mode=0o600)
    with create_engine(f"sqlite:///{path}", poolclass=NullPool).begin() as connection:
        command.upgrade(migrate.alembic_config(connection), "0001")
    with watched(tmp_path) as seen:
        subprocess.run(
            [sys.executable, "-m", "execution_broker.cli", "db", "upgrade"],
            env={"BROKER__DATA_DIRECTORY": str(tmp_path), "HOME": str(tmp_path)},
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=60,
        )
    assert f"{path.name}.before-{migrate.head()}" in seen
    assert {file: oct(mode) for file, mode in seen.items() if mode} == {}


def test_the_lock_that_an_older_version_left(tmp_path: Path) -> None:
    lock = tmp_path / "broker.sqlite.migrating"
    lock.touch()
    lock.chmod(0o644)
    migrate.upgrade_sqlite(tmp_path / "broker.sqlite")
    assert lock.stat().st_mode & 0o777 == 0o600
