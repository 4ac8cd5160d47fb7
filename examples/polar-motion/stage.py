"""What the demo stands on: a web server with the data, and a broker in a process of its own."""

import hashlib
import os
import signal
import sqlite3
import string
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Final

from rich.console import Console

from execution_broker.client import BrokerClient

HERE: Final = Path(__file__).resolve().parent
NOTEBOOK: Final = "polar_motion.ipynb"
SERIES: Final = "finals2000A.all"

_LISTENING: Final = "broker: listening on "
_PATIENCE: Final = 60.0
_LONGEST_PAUSE: Final = 0.4
_FIND_SERIES: Final = "import astropy_iers_data; print(astropy_iers_data.IERS_A_FILE)"


class Unexpected(Exception):
    """Something was not as the demo needs it. Its text is a sentence with a next action."""


def read_series(kernel: Path) -> bytes:
    """The measured Earth orientation series, out of the kernel environment's own package."""
    if not kernel.exists():
        raise Unexpected(f"{kernel} is missing. Run `make demo`, which installs it.")
    found = subprocess.run([kernel, "-c", _FIND_SERIES], capture_output=True, check=False)  # noqa: S603 - our own Python
    if found.returncode:
        raise Unexpected(f"{kernel} has no astropy-iers-data. Run `make clean demo`.")
    return Path(os.fsdecode(found.stdout).strip()).read_bytes()


def fill_in(template: str, url: str, series: bytes) -> str:
    """The request with its addresses and with what the data must look like."""
    return string.Template(template).substitute(
        notebook=f"{url}/{NOTEBOOK}",
        data=f"{url}/{SERIES}",
        size=len(series),
        sha256=hashlib.sha256(series).hexdigest(),
    )


@contextmanager
def web_server(files: Mapping[str, bytes], state: Path) -> Iterator[str]:
    """Serves these files on a port of this machine; gives its address. It is that of the last time
    where it is free: what the broker has cached it gives again to who may read the same place."""
    with _listening(partial(_Files, files), state / "port") as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _listening(handler: "partial[_Files]", kept: Path) -> ThreadingHTTPServer:
    try:
        return ThreadingHTTPServer(("127.0.0.1", int(kept.read_text("utf-8"))), handler)
    except (OSError, ValueError):
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(str(server.server_port), "utf-8")
        return server


@contextmanager
def running_broker(directory: Path, kernel: Path, console: Console) -> Iterator[BrokerClient]:
    """`broker serve` with its state in `directory`; gives a client of its administrator.

    It has reported what it can do when this yields, and has stopped cleanly when this returns.
    """
    directory.mkdir(parents=True, exist_ok=True)
    log = directory / "broker.log"
    environment = {
        **{name: text for name, text in os.environ.items() if not name.startswith("BROKER_")},
        "BROKER__DATA_DIRECTORY": str(directory),
        "BROKER__PLATFORMS__LOCAL__KERNEL_PYTHON": str(kernel),
    }
    command = [sys.executable, "-m", "execution_broker.cli", "serve"]
    config = ["--config", str(HERE / "broker.toml")]
    with log.open("wb") as written:
        process = subprocess.Popen([*command, *config], stderr=written, env=environment)  # noqa: S603 - ourselves
    try:
        with console.status("Starting a broker ..."):
            url = _address(process, log)
        password = (directory / "admin-password").read_text("utf-8").strip()
        with BrokerClient(url, "admin", password, sleep=_pause) as client:
            with console.status("Waiting for its first look at this machine ..."):
                _wait_until_ready(client, process, log)
            yield client
    finally:
        _stop(process, log)


def what_is_left(directory: Path, session: str) -> list[str]:
    """The directories of a session that has ended, and the bookings that have not."""
    sessions = directory / "platforms" / "local" / "sessions"
    with closing(sqlite3.connect(directory / "broker.sqlite")) as database:
        rows = database.execute("SELECT component FROM booking WHERE ended_at IS NULL").fetchall()
    return [*map(str, sessions.rglob(session)), *(f"a booking for {row[0]}" for row in rows)]


def wait_until(condition: Callable[[], object], otherwise: str) -> None:
    """Look again and again, for a minute at most; then Unexpected, saying what `otherwise` says."""
    until = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > until:
            raise Unexpected(otherwise)
        time.sleep(0.05)


class _Files(BaseHTTPRequestHandler):
    """Answers GET and HEAD for the files it is given, and 404 for all else."""

    def __init__(self, files: Mapping[str, bytes], *connection: object) -> None:
        self._files = files
        super().__init__(*connection)  # type: ignore[arg-type] # handed on as it came

    def do_HEAD(self) -> None:
        self._begin()

    def do_GET(self) -> None:
        self.wfile.write(self._begin())

    def log_message(self, *_: object) -> None:
        """Quiet: the demo shows the broker's side."""

    def _begin(self) -> bytes:
        content = self._files.get(self.path.removeprefix("/"))
        self.send_response(HTTPStatus.OK if content is not None else HTTPStatus.NOT_FOUND)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        return content or b""


def _pause(seconds: float) -> None:
    """The client's pauses grow, and a demo is watched: no change may be missed."""
    time.sleep(min(seconds, _LONGEST_PAUSE))


def _address(process: "subprocess.Popen[bytes]", log: Path) -> str:
    def said() -> list[str]:
        _require_running(process, log)
        lines = log.read_text("utf-8", "replace").splitlines()
        return [line.removeprefix(_LISTENING) for line in lines if line.startswith(_LISTENING)]

    wait_until(said, f"The broker did not begin to listen. See {log}.")
    return said()[0]


def _wait_until_ready(client: BrokerClient, process: "subprocess.Popen[bytes]", log: Path) -> None:
    def ready() -> bool:
        _require_running(process, log)
        return client.ready()

    wait_until(ready, f"The broker did not become ready. See {log}.")


def _require_running(process: "subprocess.Popen[bytes]", log: Path) -> None:
    if process.poll() is not None:
        raise Unexpected(f"The broker ended at once. {_last_words(log)}")


def _stop(process: "subprocess.Popen[bytes]", log: Path) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        status = process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise Unexpected(f"The broker did not stop within a minute. See {log}.") from None
    if status and sys.exc_info()[0] is None:
        raise Unexpected(f"The broker ended with status {status}. {_last_words(log)}")


def _last_words(log: Path) -> str:
    lines = log.read_text("utf-8", "replace").strip().splitlines()
    return f"It said: {lines[-1] if lines else 'nothing'} (all of it is in {log})"
