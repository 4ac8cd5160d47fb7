"""`broker admin`, on the database of a broker that has worked."""

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

from typer.testing import CliRunner

from execution_broker.cli.main import app
from tests.harness.broker import broker, request


def audit(directory: Path, *words: str) -> tuple[int, str]:
    environment = {"BROKER__DATA_DIRECTORY": str(directory), "BROKER_CONFIG": ""}
    found = CliRunner().invoke(app, ["admin", "audit", *words], env=environment)
    return found.exit_code, found.stdout


async def _book(directory: Path) -> None:
    async with broker(directory) as made:
        alice = await made.caller("alice")
        await made.run(alice, request(cores=3))
        await made.ask(alice, request(cores=1))


def test_what_was_overbooked_by_hand_is_told(tmp_path: Path) -> None:
    asyncio.run(_book(tmp_path))
    code, out = audit(tmp_path)
    assert code == 0
    assert "nothing found" in out
    with closing(sqlite3.connect(tmp_path / "broker.sqlite")) as connection:
        connection.execute("UPDATE booking SET amount = 9 WHERE amount_name = 'cores'")
        connection.commit()
    code, out = audit(tmp_path)
    assert code == 1
    assert "9 cores of 4" in out or "18 cores of 4" in out
    code, out = audit(tmp_path, "--json")
    assert code == 1
    assert {one["kind"] for one in json.loads(out)["findings"]} == {"overbooked"}
