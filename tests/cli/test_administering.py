"""`broker admin`, on the database of a broker that has worked."""

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from execution_broker.cli.main import app
from execution_broker.domain.errors import ConfigurationError
from tests.harness.asking import request
from tests.harness.broker import broker, working


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


def run(directory: Path, *words: str) -> tuple[int, Any]:
    """A command on the database and the world that a scripted broker has left."""
    environment = {
        "BROKER__DATA_DIRECTORY": str(directory),
        "BROKER__PLATFORMS__HERE__PLUGIN": "scripted",
        "BROKER_CONFIG": "",
    }
    found = CliRunner().invoke(app, ["admin", *words, "--json"], env=environment)
    return found.exit_code, json.loads(found.stdout)


async def _live(directory: Path) -> str:
    async with broker(directory) as made, working(made):
        alice = await made.caller("alice")
        uuid = await made.run(alice, request())
        await made.ended(alice, uuid)
        return uuid


def test_poke_makes_what_waits_look_now(tmp_path: Path) -> None:
    asyncio.run(_live(tmp_path))
    code, found = run(tmp_path, "poke")
    assert code == 0
    assert found["poked"] >= 3
    with closing(sqlite3.connect(tmp_path / "broker.sqlite")) as connection:
        (late,) = connection.execute(
            "SELECT count(*) FROM step WHERE phase = 'READY' "
            "AND free_at > (unixepoch() + 1) * 1000000"
        ).fetchone()
    assert late == 0


def test_a_session_is_derived_from_its_events_and_what_differs_is_told(tmp_path: Path) -> None:
    uuid = asyncio.run(_live(tmp_path))
    code, found = run(tmp_path, "replay", uuid)
    assert (code, found["differences"], found["phase"]) == (0, [], "COMPLETED")
    assert found["transitions"][0].endswith("session: INITIAL -> OFFERED")
    with closing(sqlite3.connect(tmp_path / "broker.sqlite")) as connection, connection:
        connection.execute("DELETE FROM event WHERE type = 'session-phase' AND number > 8")
    code, found = run(tmp_path, "replay", uuid)
    assert code == 1
    assert any("phase" in one for one in found["differences"])
    assert any("comes event" in one for one in found["differences"])


def test_a_session_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    environment = {"BROKER__DATA_DIRECTORY": str(tmp_path), "BROKER_CONFIG": ""}
    found = CliRunner().invoke(app, ["admin", "replay", str(uuid4())], env=environment)
    assert found.exit_code != 0
    assert "There is no session" in found.output


def test_orphans_are_listed_and_mended(tmp_path: Path) -> None:
    asyncio.run(_live(tmp_path))
    assert run(tmp_path, "orphans") == (0, {"orphans": []})
    orphan = tmp_path / "platforms/here/world" / str(uuid4()) / "compute"
    orphan.parent.mkdir()
    orphan.write_text("left by a crash")
    code, found = run(tmp_path, "orphans")
    assert code == 1
    assert [one["session"] for one in found["orphans"]] == [orphan.parent.name]
    assert orphan.exists()
    assert run(tmp_path, "orphans", "--mend") == (0, {"orphans": []})
    assert not orphan.exists()


def test_what_is_sealed_with_a_lost_key_is_given_up_by_hand_alone(tmp_path: Path) -> None:
    asyncio.run(_hold_a_secret(tmp_path))
    file = tmp_path / "sealing-keys"
    name = file.read_text().partition(":")[0]
    file.unlink()
    with pytest.raises(ConfigurationError, match=f"broker admin keys forget {name}"):
        asyncio.run(_hold_a_secret(tmp_path))
    assert run(tmp_path, "keys", "forget", name) == (0, {"forgotten": 1})
    asyncio.run(_hold_a_secret(tmp_path))
    assert file.exists()
    environment = {"BROKER__DATA_DIRECTORY": str(tmp_path), "BROKER_CONFIG": ""}
    found = CliRunner().invoke(app, ["admin", "keys", "forget", "other"], env=environment)
    assert found.exit_code != 0
    assert "Nothing was ever sealed here with a key other" in found.output


async def _hold_a_secret(directory: Path) -> None:
    async with broker(directory) as made:
        body = request()
        body["data"][0]["location"] = "http://ada:pw@127.0.0.1:1/series.dat"
        await made.ask(await made.caller("alice"), body)
