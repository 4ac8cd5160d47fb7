"""Traces of a real server: what a collector gets, one that is away, and what is not imported."""

import subprocess
import sys
import threading
import time
from pathlib import Path
from uuid import uuid4

from tests.harness.asking import request
from tests.harness.collector import collecting
from tests.harness.secrecy import plant
from tests.harness.serving import Server, server, set_phase, wait_for

TRACE = "0af7651916cd43dd8448eb211c80319c"
HEADERS = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
ROOT = Path(__file__).parents[2]


def settings(url: str) -> dict[str, str]:
    return {"PLATFORMS__HERE__PLUGIN": "scripted", "TRACES__ENDPOINT": url, "LOG__LEVEL": "DEBUG"}


def run_session(made: Server) -> None:
    made.ready()
    with made.client() as client:
        client.headers.update(HEADERS)
        offered = client.post("/requests", json=request()).json()
        uuid = offered["offers"][0]["meta"]["uuid"]
        set_phase(client, uuid, "ACCEPTED")
        wait_for(client, uuid, "COMPLETED")


def test_a_collector_gets_the_whole_trace(tmp_path: Path) -> None:
    token = plant(f"planted-{uuid4().hex}")
    with collecting() as collector:
        told = {**settings(collector.url), "TRACES__TOKEN": token, "TRACES__SERVICE": "my-broker"}
        with server(tmp_path, told) as made:
            run_session(made)
            assert made.stop() == 0
            assert "traces-lost" not in "".join(made.log)
        spans = [span for span in collector.spans() if span.trace_id.hex() == TRACE]
        names = {span.name for span in spans}
        assert {"POST /requests", "step start", "step finish", "load", "act", "apply"} <= names
        assert collector.paths == {"/v1/traces"}
        assert collector.authorizations == {f"Bearer {token}"}
        assert collector.services() == {"my-broker"}


def test_a_collector_that_answers_nothing_slows_nothing(tmp_path: Path) -> None:
    with collecting() as collector:
        collector.stuck = threading.Event()
        _unharmed(tmp_path, collector.url)
        assert collector.bodies == []


def test_a_collector_that_refuses_breaks_nothing(tmp_path: Path) -> None:
    with collecting() as collector:
        collector.status = 503
        _unharmed(tmp_path, collector.url)


def _unharmed(directory: Path, url: str) -> None:
    with server(directory, settings(url)) as made:
        run_session(made)
        begun = time.monotonic()
        assert made.stop() == 0
        assert time.monotonic() - begun < 20, "it waited for the collector"
        assert "".join(made.log).count("traces-lost") <= 1


def test_nothing_is_imported_when_it_is_off(tmp_path: Path) -> None:
    """A whole session, with the API, a worker and all that `serve` imports."""
    program = f"""
import asyncio, structlog, sys
from pathlib import Path
structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
from execution_broker.api.app import create_app
from execution_broker.cli import main, serving
from execution_broker.factory.tracing import make_tracer
from tests.harness.asking import request
from tests.harness.broker import broker, working

async def live():
    async with broker(Path({str(tmp_path)!r})) as made:
        made.tracer = make_tracer(made.settings.traces)
        create_app(made.services, made.settings.http, None, tracer=made.tracer)
        ada = await made.caller("ada")
        async with working(made):
            print((await made.ended(ada, await made.run(ada, request()))).phase)

asyncio.run(live())
names = {{name.partition(".")[0] for name in sys.modules}}
print("opentelemetry" in names, "execution_broker.tracing" in sys.modules)
"""
    done = _python(program)
    assert done.stdout.split() == ["COMPLETED", "False", "False"], done.stderr


def test_what_is_configured_and_not_installed_is_said(tmp_path: Path) -> None:
    program = f"""
import sys
sys.modules["opentelemetry"] = None  # as if it were not installed
from execution_broker import config
from execution_broker.domain.errors import ConfigurationError
from execution_broker.factory.tracing import make_tracer

values = {{"data_directory": {str(tmp_path)!r}, "traces": {{"endpoint": "http://127.0.0.1:1"}}}}
try:
    make_tracer(config.load_values(values).traces)
except ConfigurationError as error:
    print(error)
"""
    done = _python(program)
    assert "traces.endpoint" in done.stdout, done.stderr
    assert "pip install execution-broker[otel]" in done.stdout


def _python(program: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'tests' / 'plugin'}", "PATH": ""},
    )
