"""A real `broker serve` in a process of its own, on a free port."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.harness.clocks import of_machine
from tests.harness.keys import KEYS
from tests.harness.secrecy import leaked, plant
from tests.harness.sqlite import with_tables

PHASE = {"kind": "uri:enum-value-update", "path": "phase"}
_PLUGINS = Path(__file__).parent.parent / "plugin"
_LIMITED = 'ulimit -n "$0" && exec "$@"'
_LISTENING = re.compile(r"listening on (http://[^\s\"]+)")


class Server:
    """A running server. `log` is what it wrote so far."""

    def __init__(self, process: "subprocess.Popen[str]", directory: Path) -> None:
        self.process = process
        self.directory = directory
        self.log: list[str] = []
        self._url = ""
        self._found = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def url(self) -> str:
        assert self._found.wait(60), "".join(self.log)
        assert self._url, "".join(self.log)
        return self._url

    def client(self) -> httpx.Client:
        """Signed in as the administrator."""
        url = self.url
        password = plant((self.directory / "admin-password").read_text().strip())
        return httpx.Client(base_url=url, auth=("admin", password), timeout=20)

    def ready(self) -> None:
        """Wait until it can answer requests."""
        with self.client() as client:
            deadline = time.monotonic() + 60
            while client.get("/readyz").status_code != 200:
                assert time.monotonic() < deadline, "".join(self.log)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        status = self.process.wait(60)
        self._reader.join(5)
        return status

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(line)
            found = _LISTENING.search(line)
            if found:
                self._url = found[1]
                self._found.set()
        self._found.set()


@contextmanager
def server(
    directory: Path,
    settings: Mapping[str, str],
    command: str = "serve",
    plugins: Path = _PLUGINS,
    descriptors: int | None = None,
    clock: str | None = None,
) -> Iterator[Server]:
    """A server that finds its tables made, which spares each of them a second of migrations.

    `settings` are BROKER__ variables without their prefix. Killed at the end if still there.
    What is in `plugins` is installed. `descriptors`: so many files may it have open. `clock`: how
    wrong that of its machine is, as faketime has it (`+300s`)."""
    if "DATABASE__URL" not in settings:
        with_tables(directory / "broker.sqlite")
    with first_server(directory, settings, command, plugins, descriptors, clock) as made:
        yield made


@contextmanager
def first_server(
    directory: Path,
    settings: Mapping[str, str],
    command: str = "serve",
    plugins: Path = _PLUGINS,
    descriptors: int | None = None,
    clock: str | None = None,
) -> Iterator[Server]:
    """The same, but what it finds is what the test has made: nothing, at a first start."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("BROKER")
    }
    environment |= {
        "BROKER__DATA_DIRECTORY": str(directory),
        "BROKER__HTTP__LISTEN": "127.0.0.1:0",
        **{f"BROKER__{name}": value for name, value in settings.items()},
    }
    if settings.get("DATABASE__URL", "").startswith("postgres"):
        environment.setdefault("BROKER__SEALING__KEYS", KEYS)
    environment["PYTHONPATH"] = str(plugins)
    if clock is not None:
        environment |= of_machine(clock)
    limit = [] if descriptors is None else ["sh", "-c", _LIMITED, str(descriptors)]
    process = subprocess.Popen(
        [*limit, sys.executable, "-m", "execution_broker.cli", *command.split()],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        text=True,
        env=environment,
    )
    made = Server(process, directory)
    try:
        yield made
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(30)
        assert process.stderr is not None
        made._reader.join(5)
        process.stderr.close()
        assert leaked("".join(made.log)) == [], "a secret is in the log of the server"


def set_phase(client: httpx.Client, uuid: str, phase: str) -> dict[str, Any]:
    answer = client.post(f"/sessions/{uuid}", json={**PHASE, "value": phase})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def wait_for(client: httpx.Client, uuid: str, *phases: str) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while True:
        body: dict[str, Any] = client.get(f"/sessions/{uuid}").json()
        if body["phase"] in phases:
            return body
        assert time.monotonic() < deadline, body
