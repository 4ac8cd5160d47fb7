"""Every workload of the benchmarks runs and tells its rows. No time is compared with anything."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import WORKLOADS
from tests.architecture.project import ROOT

FIELDS = {"name", "figure", "unit", "cpu", "peer", "ratio", "limit", "target", "met"}
SHORT = ("queue_drain", "queue_crash", "offers_find", "get_session")


def measured(output: Path, *names: str) -> list[dict[str, Any]]:
    subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--output", str(output), *names],
        cwd=ROOT,
        check=True,
        timeout=900,
        stdout=subprocess.DEVNULL,
    )
    rows: list[dict[str, Any]] = json.loads(output.read_text("utf-8"))
    return rows


def check(rows: list[dict[str, Any]], names: set[str]) -> None:
    assert {row["name"].split()[0] for row in rows} == names
    for row in rows:
        assert row.keys() >= FIELDS
        assert row["figure"] > 0
        if row["peer"] is not None and row["peer"]["figure"] is None:
            assert row["ratio"] is None
            assert row["met"] is None
    (crash,) = (row for row in rows if row["name"] == "queue_crash")
    assert crash["note"] == "0 lost, 0 applied twice"


def test_workloads_run_and_tell_their_rows(tmp_path: Path) -> None:
    check(measured(tmp_path / "build" / "bench.json", *SHORT), set(SHORT))


@pytest.mark.soak
def test_all_workloads_run_and_tell_their_rows(tmp_path: Path) -> None:
    check(measured(tmp_path / "bench.json"), set(WORKLOADS))
