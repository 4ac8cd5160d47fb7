"""The server as an operator starts it and a client meets it: real processes, real HTTP."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.harness.asking import request
from tests.harness.serving import PHASE, first_server, server, set_phase, wait_for

COMMAND = [sys.executable, "-m", "execution_broker.cli"]
SCRIPTED = {"PLATFORMS__HERE__PLUGIN": "scripted"}


def ask(client: httpx.Client, **parts: Any) -> dict[str, Any]:
    answer = client.post("/requests", json=request(**parts))
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"].startswith("/offersets/")
    body: dict[str, Any] = answer.json()
    assert answer.headers["location"].endswith(body["meta"]["uuid"])
    return body


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_session_survives_a_restart(tmp_path: Path, how: signal.Signals) -> None:
    settings = {**SCRIPTED, "WORKER__LEASE": "3", "WORKER__RENEWAL": "1"}
    with first_server(tmp_path, settings) as first, first.client() as client:
        first.ready()
        uuid = ask(client, script={"run": "forever"})["offers"][0]["meta"]["uuid"]
        set_phase(client, uuid, "ACCEPTED")
        wait_for(client, uuid, "RUNNING")
        status = first.stop(how)
        assert status == (0 if how is signal.SIGTERM else -signal.SIGKILL)
    with server(tmp_path, settings) as second, second.client() as client:
        second.ready()
        assert client.get(f"/sessions/{uuid}").json()["phase"] == "RUNNING"
        assert set_phase(client, uuid, "CANCELLED")["phase"] == "CANCELLED"
        released = client.get(f"/sessions/{uuid}")
        assert released.json()["meta"].get("options", []) == []
        assert second.stop() == 0
    log = (tmp_path / "platforms/here/log").read_text()
    assert log.count('"start"') == 1


def test_a_client_goes_from_request_to_result_in_yaml(tmp_path: Path) -> None:
    with server(tmp_path, SCRIPTED) as made, made.client() as client:
        made.ready()
        client.headers = {"Content-Type": "application/yaml", "Accept": "application/yaml"}
        answer = client.post("/requests", content=yaml.safe_dump(request()))
        assert answer.status_code == 303
        offers = yaml.safe_load(answer.text)["offers"]
        update = yaml.safe_dump({**PHASE, "value": "ACCEPTED"})
        uuid = offers[0]["meta"]["uuid"]
        accepted = client.post(f"/sessions/{uuid}", content=update)
        assert yaml.safe_load(accepted.text)["phase"] == "ACCEPTED"
        client.headers = {}
        wait_for(client, uuid, "COMPLETED")
        (kept,) = client.get(f"/sessions/{uuid}/results").json()["results"]
        assert client.get(kept["url"]).text == "42\n"
        assert client.get(f"/streams/{uuid}/stdout").text == "hello from the script\n"
        assert client.post(f"/sessions/{uuid}", json={**PHASE, "value": "ACCEPTED"}).is_success


def test_api_and_worker_run_apart(tmp_path: Path) -> None:
    with (
        first_server(tmp_path, SCRIPTED, "api") as api,
        first_server(tmp_path, SCRIPTED, "worker") as worker,
        api.client() as client,
    ):
        api.ready()
        uuid = ask(client)["offers"][0]["meta"]["uuid"]
        set_phase(client, uuid, "ACCEPTED")
        wait_for(client, uuid, "COMPLETED")
        assert (api.stop(), worker.stop()) == (0, 0)


def test_others_can_neither_change_nor_fetch(tmp_path: Path) -> None:
    with server(tmp_path, SCRIPTED) as made, made.client() as client:
        made.ready()
        uuid = ask(client)["offers"][0]["meta"]["uuid"]
        account = {"username": "bob", "password": "bob's secret"}
        assert client.post("/admin/identities", json=account).status_code == 201
        with httpx.Client(base_url=made.url, auth=("bob", "bob's secret")) as bob:
            refused = bob.post(f"/sessions/{uuid}", json={**PHASE, "value": "ACCEPTED"})
            assert refused.status_code == 403
            assert refused.json()["type"] == "urn:execution-broker:problem:forbidden"
            assert bob.post("/admin/identities", json=account).status_code == 403
        with httpx.Client(base_url=made.url) as nobody:
            assert nobody.post("/requests", json=request()).status_code == 401
            assert nobody.get(f"/sessions/{uuid}").json()["phase"] == "OFFERED"
            assert nobody.get(f"/sessions/{uuid}/results").status_code == 401
        assert set_phase(client, uuid, "REJECTED")["phase"] == "REJECTED"
        conflict = client.post(f"/sessions/{uuid}", json={**PHASE, "value": "ACCEPTED"})
        assert conflict.status_code == 409


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("HTTP__LITSEN", "x", "http.litsen"),
        ("HTTP__LISTEN", "127.0.0.1:none", "http.listen"),
        ("PLATFORMS__HERE__PLUGIN", "nowhere", "platforms.here"),
        ("DATABASE__URL", "oracle://x", "database.url"),
        ("DATABASE__URL", "postgresql://127.0.0.1:1/none", "database.url"),
        ("SEALING__KEYS", "a:none", "sealing.keys: the key a is not 32 bytes"),
    ],
)
def test_a_bad_configuration_is_refused_with_key_and_remedy(
    tmp_path: Path, name: str, value: str, told: str
) -> None:
    with server(tmp_path, {name: value}) as made:
        assert made.process.wait(30) == 2
        made._reader.join(5)
        text = "".join(made.log)
        assert told in text
        assert "Traceback" not in text


def test_without_its_key_a_database_is_not_served_and_stays_as_it_is(tmp_path: Path) -> None:
    with server(tmp_path, SCRIPTED) as made:
        made.ready()
        made.stop()
    file = tmp_path / "sealing-keys"
    assert file.stat().st_mode & 0o777 == 0o600
    kept = file.rename(tmp_path / "kept")
    for command in ("serve", "api", "worker"):
        with server(tmp_path, SCRIPTED, command) as made:
            assert made.process.wait(30) == 2
            made._reader.join(5)
            assert "is missing, and this database is sealed with it" in "".join(made.log)
        assert not file.exists()
    kept.rename(file)
    with server(tmp_path, SCRIPTED) as made:
        made.ready()


def test_a_session_is_changed_from_the_command_line(tmp_path: Path) -> None:
    """As long as there is room; what is refused says what is possible."""
    counting = {
        "PLATFORMS__HERE__FURTHER": "{gpus = 3}",
        "PLATFORMS__HERE__CHANGEABLE": '["duration", "cores", "gpus"]',
    }
    with server(tmp_path, {**SCRIPTED, **counting}) as made, made.client() as client:
        made.ready()
        body = request(script={"run": "forever"})
        body["compute"]["amounts"] = {"gpus": {"min": 1}}
        uuid = client.post("/requests", json=body).json()["offers"][0]["meta"]["uuid"]
        set_phase(client, uuid, "ACCEPTED")
        wait_for(client, uuid, "RUNNING")

        def change(*words: str) -> "subprocess.CompletedProcess[str]":
            return subprocess.run(
                [*COMMAND, "change", uuid, *words, "--url", made.url],
                env={"BROKER__DATA_DIRECTORY": str(tmp_path), "HOME": str(tmp_path)},
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )

        longer = change("--longer", "PT30M", "--cores", "2", "--name", "polar motion", "--json")
        assert longer.returncode == 0, longer.stderr
        changed = client.get(f"/sessions/{uuid}").json()
        assert changed["schedule"]["available"]["duration"] == "PT1H30M"
        assert changed["compute"]["cores"]["max"] == 2
        assert changed["meta"]["name"] == "polar motion"
        shorter = change("--shorter", "PT10M")
        assert "1 h 20 min" in shorter.stdout, shorter.stdout + shorter.stderr
        assert change("--amount", "gpus=2").returncode == 0
        assert client.get(f"/sessions/{uuid}").json()["compute"]["amounts"]["gpus"]["max"] == 2
        for asked, possible in (
            (("--cores", "1000"), "from 1 to 4 cores."),
            (("--amount", "gpus=4"), "from 1 to 3 units."),
        ):
            refused = change(*asked)
            assert refused.returncode != 0
            assert f"Possible now: {possible}" in refused.stderr
        for words in (
            (),
            ("--amount", "gpus"),
            ("--longer", "soon"),
            ("--longer", "PT1H", "--duration", "PT1H"),
        ):
            assert change(*words).returncode == 2
        set_phase(client, uuid, "CANCELLED")


def test_the_command_line_speaks_with_the_server(tmp_path: Path) -> None:
    with server(tmp_path, SCRIPTED) as made:
        made.ready()
        file = tmp_path / "request.yaml"
        file.write_text(yaml.safe_dump(request()))
        finished = subprocess.run(
            [*COMMAND, "run", str(file), "--url", made.url],
            env={
                "BROKER__DATA_DIRECTORY": str(tmp_path),
                "PATH": "/usr/bin",
                "HOME": str(tmp_path),
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert finished.returncode == 0, finished.stderr
        assert "COMPLETED" in finished.stdout
        assert "answer.txt" in finished.stdout
