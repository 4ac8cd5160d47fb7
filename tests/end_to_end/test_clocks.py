"""Clocks that differ: of machines, and of the database by which all is decided."""

import os
import signal
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from execution_broker.models import kinds
from tests.harness.asking import request
from tests.harness.clocks import FAKETIME, set_clock
from tests.harness.postgres import PostgresServer
from tests.harness.serving import PHASE, server, wait_for
from tests.platforms.local.stand_in import stand_in

SETTINGS: Final = {
    "PLATFORMS__HERE__PLUGIN": "simulated",
    "PLATFORMS__HERE__TAKES": "everything",
    "PLATFORMS__HERE__RUN": "3",
    "PLATFORMS__HERE__TIMINGS__EXECUTABLE_NOT_HERE": "1",
    "PLATFORMS__HERE__DELAYS__PREPARE_DATA": "2",
    "PLATFORMS__HERE__DELAYS__START": "1",
    "PLATFORMS__HERE__DELAYS__RELEASE_DATA": "1",
    "WORKER__LEASE": "3",
    "WORKER__RENEWAL": "1",
}

needs_faketime = pytest.mark.skipif(
    not FAKETIME and not os.environ.get("CI"), reason="needs faketime (apt-get install faketime)"
)


@needs_faketime
@pytest.mark.parametrize("phase", ["PREPARING", "RUNNING"])
async def test_a_worker_five_minutes_ahead_dies(
    tmp_path: Path, postgres: PostgresServer, phase: str
) -> None:
    """Its world is that of the other worker, and it has made what that one goes on with."""
    settings = {**SETTINGS, "DATABASE__URL": await postgres.new_database()}
    with ExitStack() as stack:
        host = stack.enter_context(server(tmp_path, settings, command="api"))
        first = stack.enter_context(server(tmp_path, settings, command="worker", clock="+300s"))
        host.ready()
        client = stack.enter_context(host.client())
        (offer, *_) = client.post("/requests", json=request(duration="PT30S")).json()["offers"]
        uuid = offer["meta"]["uuid"]
        client.post(f"/sessions/{uuid}", json={**PHASE, "value": "ACCEPTED"})
        wait_for(client, uuid, phase)
        first.stop(signal.SIGKILL)
        stack.enter_context(server(tmp_path, settings, command="worker"))
        begun = time.monotonic()
        session = wait_for(client, uuid, "COMPLETED", "FAILED")
        assert session["phase"] == "COMPLETED", session["meta"]["messages"]
        assert time.monotonic() - begun < 30, "nobody waited for a clock to catch up"


async def test_what_runs_here_ends_by_the_clock_of_the_database(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    """It is five minutes behind: at the end of the session this machine's is far beyond it."""
    python, notebook = stand_in(tmp_path, "sleep 2")
    url = await postgres.new_database()
    await set_clock(url, "-5 minutes")
    settings = {
        "DATABASE__URL": url,
        "PLATFORMS__LOCAL__KERNEL_PYTHON": str(python),
        "PLATFORMS__LOCAL__OVERTIME": "0",
        "TRANSFERS__FILE__ROOTS": f'["{tmp_path}"]',
    }
    asked = request(duration="PT1M")
    asked["executable"] = {"kind": kinds.JUPYTER_NOTEBOOK, "mode": "BATCH", **notebook}
    asked["data"] = []
    with server(tmp_path / "data", settings) as host, host.client() as client:
        host.ready()
        (offer, *_) = client.post("/requests", json=asked).json()["offers"]
        uuid = offer["meta"]["uuid"]
        client.post(f"/sessions/{uuid}", json={**PHASE, "value": "ACCEPTED"})
        session = wait_for(client, uuid, "COMPLETED", "FAILED")
    assert session["phase"] == "COMPLETED", session["meta"]["messages"]
    assert (tmp_path / "ran").read_text() == "begun\n"
