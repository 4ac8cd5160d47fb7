"""A broker that somebody has used: what the tests of lists and logs look at."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from execution_broker.cli.exits import Exit
from execution_broker.models import kinds
from tests.harness.command import Broker, Ended, runner
from tests.harness.serving import server

NOTEBOOK = {
    "kind": kinds.JUPYTER_NOTEBOOK,
    "location": "http://127.0.0.1:1/fit.ipynb",
    "mode": "BATCH",
    "checks": {"size": 9, "sha256": "0" * 64},
}


class Lived:
    """A broker where ada ran one session, cancelled another, and was refused a third."""

    def __init__(self, environment: dict[str, str], directory: Path) -> None:
        self.environment = environment
        self.run: Broker = runner(environment)
        self.directory = directory
        self.ran = self._offered("fit")
        assert self.run("accept", self.ran).code == Exit.DONE
        assert self.run("watch", self.ran, "--interval", "0.05").code == Exit.DONE
        self.cancelled = self._offered("draw")
        assert self.run("cancel", self.cancelled).code == Exit.DONE
        self.offered = self._offered("draw")
        assert self._request("big", cores=4096).code == Exit.NO

    def listed(self, *arguments: str) -> list[dict[str, str]]:
        ended = self.run("list", "--json", *arguments)
        assert ended.code == Exit.DONE, ended.err
        found: list[dict[str, str]] = json.loads(ended.out)
        return found

    def _offered(self, name: str) -> str:
        offers = json.loads(self._request(name).out)["offers"]
        uuid: str = offers[0]["meta"]["uuid"]
        return uuid

    def _request(self, name: str, cores: int = 1) -> Ended:
        wanted = {
            "executable": {**NOTEBOOK, "meta": {"name": name}},
            "compute": {"kind": kinds.SIMPLE_COMPUTE, "cores": {"min": cores}},
        }
        file = self.directory / "request.json"
        file.write_text(json.dumps(wanted))
        return self.run("request", str(file), "--json")


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    directory = tmp_path_factory.mktemp("lived")
    with server(directory / "data", {"PLATFORMS__HERE__PLUGIN": "scripted"}) as made:
        made.ready()
        url = made.url
        admin = {"BROKER_URL": url, "BROKER__DATA_DIRECTORY": str(directory / "data"), "TZ": "UTC"}
        word = directory / "ada.txt"
        word.write_text("a word for ada")
        added = runner(admin)("identity", "add", "ada", "--password-file", str(word))
        assert added.code == Exit.DONE, added.err
        yield Lived(
            {
                "BROKER_URL": url,
                "BROKER_USER": "ada",
                "BROKER_PASSWORD": "a word for ada",
                "XDG_DATA_HOME": str(directory / "share"),
                "TZ": "UTC",
            },
            directory,
        )
