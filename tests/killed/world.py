"""A place where a broker is killed and started again, and what must hold there afterwards."""

import asyncio
import json
import os
import signal
import sqlite3
import sys
from contextlib import closing, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from execution_broker.models import kinds
from execution_broker.platforms.local.launch import marks
from execution_broker.platforms.local.processes import Process, marked
from tests.harness.control_groups import control_groups
from tests.harness.sqlite import with_tables

ROOT = Path(__file__).parents[2]
PATIENCE = 300.0
_KERNEL = """#!/bin/sh
# Stands for a Python with papermill: it runs no notebook, but leaves a line where runs are counted.
case "$1" in
-c) echo papermill ipykernel ;;
-I) echo begun >> {ran}; while [ -e {held} ]; do sleep 0.05; done; cp "$3" "$4" ;;
esac
"""


@dataclass
class World:
    """One data directory, with whatever became of the session in it."""

    directory: Path

    @classmethod
    def made(cls, directory: Path, python: Path | None = None) -> "World":
        """`python` runs the notebook; by default what stands for it does, and is quick."""
        directory.mkdir(parents=True)
        world = cls(directory)
        with_tables(directory / "data" / "broker.sqlite")
        notebook = directory / "notebook.ipynb"
        cell = f"open({str(world.ran)!r}, 'a').write('begun\\n')"
        notebook.write_text(json.dumps(_document(cell)))
        (directory / "data.txt").write_text("data")
        world._write_life(python or world._stand_in())
        return world

    @property
    def ran(self) -> Path:
        return self.directory / "ran"

    @property
    def held(self) -> Path:
        """While it exists, what stands for the notebook goes on."""
        return self.directory / "held"

    async def live(self, point: int = 0) -> int:
        """One life of the broker; its exit status."""
        process = await self.born(point)
        try:
            return await asyncio.wait_for(process.wait(), PATIENCE)
        finally:
            await end(process)

    async def born(self, point: int = 0) -> asyncio.subprocess.Process:
        with (self.directory / "life.log").open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.killed.life", str(self.directory), str(point)),
                cwd=ROOT,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def points(self, point: int = 0) -> list[str]:
        """The points that a life has passed."""
        return (self.directory / f"points-{point}").read_text().splitlines()

    def runs(self) -> int:
        return len(self.ran.read_text().splitlines()) if self.ran.exists() else 0

    def control(self) -> Path | None:
        """The control directory of the session, once it is there."""
        found = list(self.directory.glob("data/platforms/local/sessions/*/broker/*/control"))
        return found[0] if found else None

    def processes(self) -> list[Process]:
        """Whatever runs of the session."""
        (row,) = self.rows("SELECT value FROM setting WHERE name = 'instance'")
        return marked(marks(UUID(row[0]), "local", None))

    def rows(self, sql: str) -> list[Any]:
        path = self.directory / "data" / "broker.sqlite"
        with closing(sqlite3.connect(path, timeout=30)) as connection:
            return connection.execute(sql).fetchall()

    def phase(self) -> str:
        (row,) = self.rows("SELECT phase FROM session WHERE accepted_at IS NOT NULL")
        return str(row[0])

    def leftovers(self) -> list[str]:
        """Everything that should not be there once the session is released."""
        platform = self.directory / "data" / "platforms" / "local"
        wrong = [str(path) for path in platform.glob("sessions/*/broker/*")]
        wrong += [str(path) for path in platform.glob("register/*")]
        wrong += [str(path) for path in self.directory.glob("data/results/.partial*")]
        wrong += [f"process {process.pid}" for process in self.processes()]
        for (uuid,) in self.rows("SELECT uuid FROM session"):
            wrong += map(str, control_groups(UUID(uuid)))
        checks = {
            "a booking": "SELECT * FROM booking WHERE ended_at IS NULL AND session_id IS NOT NULL"
            " AND component <> 'outputs'",
            "a receipt": "SELECT * FROM receipt WHERE gone_at IS NULL",
            "a step": "SELECT * FROM step WHERE ended_at IS NULL AND session_id IS NOT NULL",
        }
        wrong += [f"{what}: {row}" for what, sql in checks.items() for row in self.rows(sql)]
        ends = self.rows(
            "SELECT session_id, count(*) FROM event WHERE type = 'session-phase' AND"
            " (body LIKE '%COMPLETED%' OR body LIKE '%FAILED%') GROUP BY session_id"
        )
        if [count for _, count in ends] != [1]:
            wrong.append(f"ends: {ends}")
        return wrong

    def _stand_in(self) -> Path:
        file = self.directory / "python"
        file.write_text(_KERNEL.format(ran=self.ran, held=self.held))
        file.chmod(0o755)
        return file

    def _write_life(self, python: Path) -> None:
        settings = {
            "data_directory": str(self.directory / "data"),
            "worker": {"lease": 3, "renewal": 1, "poll": 0.2},
            "transfers": {"file": {"roots": [str(self.directory)]}},
            "negotiation": {"hold": 60, "requests_per_minute": 1_000_000},
            "platforms": {
                "local": {
                    "kernel_python": str(python),
                    "cores": 64,
                    "memory": 64,
                    "storage": 64,
                    "grace": 0.5,
                    "timings": {"storage": 0, "executable_here": 0, "compute": 0},
                }
            },
        }
        request = {
            "executable": {
                "kind": kinds.JUPYTER_NOTEBOOK,
                "mode": "BATCH",
                **_located(self.directory / "notebook.ipynb"),
            },
            "data": [
                {
                    "kind": kinds.SIMPLE_DATA,
                    "meta": {"name": "data"},
                    **_located(self.directory / "data.txt"),
                }
            ],
            "schedule": {"requested": {"duration": "PT10M"}},
        }
        told = {"settings": settings, "request": request}
        (self.directory / "life.json").write_text(json.dumps(told))


async def end(process: asyncio.subprocess.Process) -> None:
    """Kill a life that goes on."""
    if process.returncode is None:
        process.kill()
        await process.wait()


def strike(processes: list[Process]) -> None:
    """Kill them, those that have not ended of themselves since they were seen."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)


def _located(file: Path) -> dict[str, Any]:
    content = file.read_bytes()
    digest = sha256(content).hexdigest()
    return {"location": file.as_uri(), "checks": {"size": len(content), "sha256": digest}}


def _document(cell: str) -> dict[str, Any]:
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {},
        "cells": [
            {
                "cell_type": "code",
                "id": "cell",
                "metadata": {},
                "execution_count": None,
                "outputs": [],
                "source": cell,
            }
        ],
    }
