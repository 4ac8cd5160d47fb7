"""The demo's own promises: data that is not what it must be is never used."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest
import yaml

from execution_broker.domain.messages import CHECKSUM_MISMATCH
from execution_broker.models.reading import read_request

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "polar-motion"
LONGEST = 300


@pytest.fixture
def kernel() -> str:
    python = os.environ.get("BROKER_TEST_KERNEL") or str(ROOT / ".venv-kernel/bin/python")
    if not Path(python).exists():
        pytest.skip(f"there is no {python}: run `make test`, which installs it")
    return python


def test_corrupted_data_fails_the_session_with_both_checksums(kernel: str, tmp_path: Path) -> None:
    done = _demo("--corrupt", "--kernel", kernel, "--directory", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    request = yaml.safe_load((tmp_path / "request.yaml").read_text("utf-8"))
    expected = request["data"][0]["checks"]["sha256"]
    begin = CHECKSUM_MISMATCH.text.format(
        file="finals2000A", algorithm="sha256", expected=expected, found=""
    ).rstrip(".")
    assert f"ERROR {begin}" in done.stdout
    assert "FAILED" in done.stdout
    sessions = tmp_path / "broker" / "platforms" / "local" / "sessions"
    assert [path for path in sessions.rglob("*") if not path.is_dir()] == []
    with closing(sqlite3.connect(tmp_path / "broker" / "broker.sqlite")) as connection:
        live = "SELECT count(*) FROM booking WHERE ended_at IS NULL"
        assert connection.execute(live).fetchall() == [(0,)]
    assert _processes_that_name(tmp_path) == []


def test_the_demo_says_what_is_missing(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere" / "python"
    done = _demo("--kernel", str(nowhere), "--directory", str(tmp_path))
    assert done.returncode == 1
    assert f"{nowhere} is missing. Run `make demo`" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_request_is_one() -> None:
    reading = read_request(yaml.safe_load((EXAMPLE / "request.yaml").read_text("utf-8")))
    assert not reading.unknown
    assert [fault.place for fault in reading.faults] == ["$.data[0].checks.size"]


def test_the_notebook_is_kept_without_outputs() -> None:
    notebook = json.loads((EXAMPLE / "polar_motion.ipynb").read_text("utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert any("parameters" in cell["metadata"].get("tags", ()) for cell in code)
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


def _processes_that_name(directory: Path) -> list[str]:
    """The commands of all processes that have this directory on their command line."""
    found: list[str] = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(file.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [command for command in found if str(directory) in command]


def _demo(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, str(EXAMPLE / "demo.py"), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST,
    )
