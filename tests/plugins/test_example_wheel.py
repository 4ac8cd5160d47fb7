"""A wheel of somebody else's adds a platform, a kind of data and a transfer: no edit of ours.

It is built and installed as its author and its operator would, and meets a real server.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from execution_broker.models import kinds
from tests.harness.serving import server, set_phase, wait_for

PROJECT: Final = Path(__file__).parents[1] / "example_wheel"
NIGHT: Final = b"a night's worth\n"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the wheel is installed, beside us and not into our environment."""
    work = tmp_path_factory.mktemp("wheel")
    shutil.copytree(PROJECT, work / "project")
    offline = ("--no-index", "--no-deps", "--disable-pip-version-check", "--quiet")
    pip("wheel", *offline, "--no-build-isolation", "--wheel-dir", work / "dist", work / "project")
    (wheel,) = (work / "dist").iterdir()
    assert wheel.name == "execution_broker_starlab-0.1.0-py3-none-any.whl"
    pip("install", *offline, "--target", work / "site", wheel)
    return work / "site"


def pip(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "pip", *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stderr


def test_it_is_listed_like_ours(installed: Path) -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "execution_broker.cli", "plugins", "--json"],
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        timeout=120,
        check=True,
    )
    found = json.loads(listed.stdout)
    theirs = {one["group"]: one for one in found if one["name"] == "starlab"}
    assert theirs.keys() == {"platforms", "data_kinds", "transfers"}
    for one in theirs.values():
        assert (one["package"], one["version"]) == ("execution-broker-starlab", "0.1.0")
        assert one["problem"] == ""
        assert one["keys"]
    assert {one["package"] for one in found} == {"execution-broker", "execution-broker-starlab"}


def test_it_serves_a_session_from_end_to_end(installed: Path, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    archive.mkdir()
    (archive / "night.fits").write_bytes(NIGHT)
    settings = {
        "PLATFORMS__STARLAB__CORES": "2",
        "DATA_KINDS__STARLAB__SITES": '["NEAR"]',
        "TRANSFERS__STARLAB__ROOT": str(archive),
    }
    with (
        server(tmp_path / "data", settings, plugins=installed) as made,
        made.client() as client,
    ):
        made.ready()
        answer = client.post("/requests", json=request("starlab:/night.fits"))
        assert answer.status_code == 303, answer.text
        assert answer.json()["result"] == "YES", answer.text
        uuid = answer.json()["offers"][0]["meta"]["uuid"]
        set_phase(client, uuid, "ACCEPTED")
        session = wait_for(client, uuid, "COMPLETED", "FAILED")
        assert session["phase"] == "COMPLETED", session
        (data,) = session["data"]
        assert any("16 bytes staged" in said["message"] for said in data["meta"]["messages"])
        (kept,) = client.get(f"/sessions/{uuid}/results").json()["results"]
        assert kept["path"] == "printed.txt"
        assert client.get(kept["url"]).text == "observe tonight\n"
        assert client.get(f"/streams/{uuid}/stdout").text == "observe tonight\n"
        refused(client)
        assert made.stop() == 0


def refused(client: httpx.Client) -> None:
    """Data that is not there is found out while the answer is made."""
    answer = client.post("/requests", json=request("starlab:/no.fits")).json()
    assert answer["result"] == "NO"
    assert "there is no file that may be read" in answer["meta"]["messages"][0]["message"]


def request(location: str) -> dict[str, Any]:
    far = {"rsename": "FAR", "dataurl": "https://far.example.org/night.fits"}
    near = {"rsename": "NEAR", "dataurl": location}
    return {
        "executable": {
            "kind": kinds.DOCKER_CONTAINER,
            "image": {"locations": ["example.org/observe:1"]},
            "command": ["observe", "tonight"],
        },
        "compute": {"kind": kinds.SIMPLE_COMPUTE, "cores": {"min": 2}},
        "data": [
            {
                "kind": kinds.SKAO_DATA,
                "skao": {"objectname": "night.fits", "replicas": [far, near]},
            }
        ],
        "schedule": {"requested": {"start": "../PT10M", "duration": "PT1M"}},
    }
