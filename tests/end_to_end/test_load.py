"""Many sessions at once on a simulated platform, through a real server and its HTTP interface."""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from execution_broker.models import kinds
from tests.harness.serving import Server, server

SETTINGS = {
    "PLATFORMS__SIMULATED__TAKES": "everything",
    "PLATFORMS__SIMULATED__CAPACITY": "{cores = 2000, memory = 2000, storage = 2000}",
    "PLATFORMS__SIMULATED__TIMINGS__STORAGE": "0",
    "PLATFORMS__SIMULATED__TIMINGS__COMPUTE": "0",
    "NEGOTIATION__REQUESTS_PER_MINUTE": "1000000",
    "LOG__LEVEL": "WARNING",
}
BODY = {
    "executable": {
        "kind": kinds.DOCKER_CONTAINER,
        "image": {"locations": ["example.org/stars:1"]},
    },
    "compute": {"kind": kinds.SIMPLE_COMPUTE, "cores": {"min": 1}, "memory": {"min": 1}},
}
_LONG: Final = 300


@pytest.fixture
def broker(tmp_path: Path, promised: int, run: int) -> Iterator[Server]:
    """`promised`: seconds that preparing is said to take. It takes none. `run`: seconds for which
    each session runs."""
    settings = {
        "PLATFORMS__SIMULATED__TIMINGS__EXECUTABLE_NOT_HERE": str(promised),
        "PLATFORMS__SIMULATED__RUN": str(run),
    }
    with server(tmp_path, SETTINGS | settings) as running:
        running.ready()
        yield running


@pytest.mark.parametrize(("promised", "run"), [(_LONG, 5)])
def test_a_hundred_sessions_of_five_seconds_start_when_they_are_ready(broker: Server) -> None:
    """They have ten, as what its end cuts off has failed."""
    seconds, ends = run_many(broker, 100, "PT10S")
    assert ends == {"COMPLETED": 100}
    assert seconds < 15


@pytest.mark.soak
@pytest.mark.parametrize(("promised", "run"), [(0, 2)])
def test_a_thousand_sessions_of_five_seconds(broker: Server) -> None:
    """A machine that is too slow for it starts sessions late; one that would start after its end
    has failed, and says so. Even two cores that have much else to do keep some promises, and keep
    up with ten sessions a second."""
    seconds, ends = run_many(broker, 1000, "PT5S")
    print(f"1000 sessions of 5 s: {ends}, {seconds:.1f} s after the last was accepted")  # noqa: T201 - a figure
    assert sum(ends.values()) == 1000
    assert ends.keys() <= {"COMPLETED", "too-late"}
    assert ends["COMPLETED"] >= 80
    assert seconds < 100


def run_many(broker: Server, number: int, duration: str) -> tuple[float, Counter[str]]:
    """Posted one after another, for this duration each, then accepted by ten clients: the seconds
    from the last accept until all have ended, and how they have."""
    with broker.client() as client:
        begun = time.monotonic()
        uuids = [offered(client, duration) for _ in range(number)]
    posted = time.monotonic()
    with ThreadPoolExecutor(10) as clients:
        list(clients.map(lambda part: accept(broker, part), [uuids[i::10] for i in range(10)]))
    accepted = time.monotonic()
    with broker.client() as client:
        ends = Counter(end_of(client, uuid, accepted + 300) for uuid in uuids)
    rates = number / (posted - begun), number / (accepted - posted)
    print(f"\nposted at {rates[0]:.0f}/s, accepted at {rates[1]:.0f}/s")  # noqa: T201 - figures
    return time.monotonic() - accepted, ends


def offered(client: httpx.Client, duration: str) -> str:
    body = {**BODY, "schedule": {"requested": {"duration": duration}}}
    answer = client.post("/requests", json=body).json()
    assert answer["result"] == "YES", answer
    uuid: str = answer["offers"][0]["meta"]["uuid"]
    return uuid


def accept(broker: Server, uuids: list[str]) -> None:
    update = {"kind": kinds.ENUM_UPDATE, "path": "phase", "value": "ACCEPTED"}
    with broker.client() as client:
        for uuid in uuids:
            answer = client.post(f"/sessions/{uuid}", json=update)
            assert answer.status_code == 200, answer.text


def end_of(client: httpx.Client, uuid: str, deadline: float) -> str:
    """COMPLETED, or why it has failed."""
    session = phase(client, uuid)
    while session["phase"] not in ("COMPLETED", "FAILED", "CANCELLED"):
        assert time.monotonic() < deadline, session
        time.sleep(0.05)
        session = phase(client, uuid)
    if session["phase"] == "COMPLETED":
        return "COMPLETED"
    faults = [m["kind"] for m in session["meta"]["messages"] if m["level"] == "ERROR"]
    return str(faults[0]).rpartition(":")[2]


def phase(client: httpx.Client, uuid: str) -> dict[str, Any]:
    session: dict[str, Any] = client.get(f"/sessions/{uuid}").json()
    return session
