"""`broker db`, on both databases."""

import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from execution_broker.cli.main import app


def run(environment: Mapping[str, str], *words: str) -> tuple[int, Any]:
    found = CliRunner().invoke(app, ["db", *words, "--json"], env=dict(environment))
    return found.exit_code, json.loads(found.stdout)


@pytest.fixture
def environment(tmp_path: Path) -> Mapping[str, str]:
    return {"BROKER__DATA_DIRECTORY": str(tmp_path), "BROKER_CONFIG": ""}


def test_tables_are_made_checked_and_not_made_twice(environment: Mapping[str, str]) -> None:
    code, before = run(environment, "status")
    assert (code, before["revision"]) == (1, None)
    assert run(environment, "upgrade") == (0, {"before": None, "revision": before["needed"]})
    assert run(environment, "status") == (0, {**before, "revision": before["needed"]})
    assert run(environment, "check") == (0, {"differences": []})
    again = {"before": before["needed"], "revision": before["needed"]}
    assert run(environment, "upgrade") == (0, again)


def test_what_somebody_changed_is_told(environment: Mapping[str, str], tmp_path: Path) -> None:
    run(environment, "upgrade")
    with sqlite3.connect(tmp_path / "broker.sqlite") as connection:
        connection.execute("ALTER TABLE identity ADD COLUMN mine TEXT")
    code, found = run(environment, "check")
    assert code == 1
    assert "mine" in found["differences"][0]


def test_a_server_that_is_not_there_is_named_without_its_password(
    environment: Mapping[str, str],
) -> None:
    url = {"BROKER__DATABASE__URL": "postgresql://broker:secret@127.0.0.1:1/broker"}
    found = CliRunner().invoke(app, ["db", "status"], env={**environment, **url})
    assert found.exit_code == 2
    assert "database.url" in found.output
    assert "secret" not in found.output
