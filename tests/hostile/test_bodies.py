"""Whatever comes as a request: a client error if it cannot be read, a NO if it cannot be had."""

import sys
import time
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import httpx
import pytest
import structlog

from execution_broker.api.app import create_app
from execution_broker.domain.identity import Role
from tests.harness.broker import broker
from tests.hostile.bodies import Hostile, bodies

SECONDS: Final = 5.0
MEMORY: Final = 96 << 20
BODIES: Final = bodies()


def test_there_are_two_hundred() -> None:
    assert len(BODIES) >= 200


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a whole broker that asks no worker for what it does not know."""
    quick = {"probe_wait": 0, "requests_per_minute": 100_000}
    async with broker(tmp_path, negotiation=quick) as made:
        await made.services.identities.add("root", "root-password", Role.ADMINISTRATOR)
        app = create_app(made.services, made.settings.http, structlog.get_logger())
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        auth = ("root", "root-password")
        async with httpx.AsyncClient(
            transport=transport, base_url="http://broker.test", auth=auth
        ) as client:
            yield client


async def test_none_of_them_breaks_the_server_or_keeps_it_busy(client: httpx.AsyncClient) -> None:
    """CPU time and memory are printed for each, with `pytest -s`."""
    await client.get("/sessions")  # signs in once: hashing a password takes its time
    for hostile in BODIES:
        answer, seconds, memory = await _send(client, hostile)
        figures = f"{seconds:6.3f} s {memory / 2**20:6.1f} MiB"
        sys.stdout.write(f"{answer.status_code} {figures}  {hostile.name}\n")
        assert answer.status_code < 500, (hostile.name, answer.text)
        if answer.status_code == 303:
            body = answer.json()
            assert body["result"] in ("YES", "NO"), hostile.name
            assert body["result"] == "YES" or body["meta"]["messages"], hostile.name
        else:
            assert answer.json()["type"].startswith("urn:execution-broker:problem:"), hostile.name
        if not hostile.name.startswith("value"):
            assert 400 <= answer.status_code < 500 or _says_nothing(answer), hostile.name
        assert seconds < SECONDS, (hostile.name, seconds)
        assert memory < MEMORY, (hostile.name, memory)


def _says_nothing(answer: httpx.Response) -> bool:
    """Some can be read, and ask for nothing that could be run."""
    return bool(answer.json()["result"] == "NO")


async def _send(client: httpx.AsyncClient, hostile: Hostile) -> tuple[httpx.Response, float, int]:
    """The answer, the CPU time, and the most memory that it took."""
    headers = {"Content-Type": hostile.content_type}
    tracemalloc.start()
    begun = time.process_time()
    try:
        answer = await client.post("/requests", content=hostile.body, headers=headers)
        _, most = tracemalloc.get_traced_memory()
        return answer, time.process_time() - begun, most
    finally:
        tracemalloc.stop()
