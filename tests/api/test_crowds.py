"""Many who wait, and many requests of one client at a time: who is told to come back later."""

import asyncio
from http import HTTPStatus
from typing import Any
from uuid import UUID

import httpx
import pytest
from starlette.applications import Starlette
from structlog.testing import LogCapture
from structlog.typing import FilteringBoundLogger
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from execution_broker.api.app import create_app
from execution_broker.config import Http
from execution_broker.metering import PrometheusMeter
from tests.api import bodies, fakes
from tests.api.conftest import ClientMaker
from tests.harness.waiting import until

SECONDS = 20
WAIT = {"Prefer": "wait=60"}
STREAM = {"Accept": "text/event-stream"}
PROXY = "192.0.2.1"


@pytest.fixture
def http() -> Http:
    return Http(waits=3, waits_per_identity=2)


@pytest.fixture
def meter() -> PrometheusMeter:
    return PrometheusMeter()


@pytest.fixture
def app(
    world: fakes.World, http: Http, log: FilteringBoundLogger, meter: PrometheusMeter
) -> Starlette:
    return create_app(fakes.services(world), http, log, meter=meter, heartbeat=0.05)


@pytest.fixture
async def session(ada: httpx.AsyncClient) -> UUID:
    return UUID((await ada.post("/direct", json=bodies.NOTEBOOK)).json()["meta"]["uuid"])


class Waiters:
    """Requests of which each waits for a change."""

    def __init__(self, app: Starlette, session: UUID) -> None:
        self.app = app
        self.session = session
        self.asked: list[asyncio.Task[httpx.Response]] = []

    async def add(self, client: httpx.AsyncClient, headers: dict[str, str]) -> None:
        known = self.app.state.waiting.count
        path = f"/sessions/{self.session}{'/events?after=9' if headers is STREAM else ''}"
        self.asked.append(asyncio.create_task(client.get(path, headers=headers)))

        async def waits() -> bool:
            return bool(self.app.state.waiting.count == known + 1)

        await until(waits, SECONDS)

    async def leave(self) -> None:
        """They all go away before there is an answer."""
        for one in self.asked:
            one.cancel()
        await asyncio.gather(*self.asked, return_exceptions=True)

        async def nobody_waits() -> bool:
            return bool(self.app.state.waiting.count == 0)

        await until(nobody_waits, SECONDS)


@pytest.mark.parametrize("how", [WAIT, STREAM], ids=["wait", "stream"])
async def test_so_many_of_one_identity_wait(
    app: Starlette,
    ada: httpx.AsyncClient,
    session: UUID,
    how: dict[str, str],
    meter: PrometheusMeter,
    lines: LogCapture,
) -> None:
    waiters = Waiters(app, session)
    await waiters.add(ada, WAIT)
    await waiters.add(ada, STREAM)
    path = f"/sessions/{session}{'/events' if how is STREAM else ''}"
    for _ in range(3):
        refused = await ada.get(path, headers=how)
        assert refused.status_code == HTTPStatus.TOO_MANY_REQUESTS
        assert int(refused.headers["retry-after"]) > 0
        assert "too-many" in refused.text
    answer = await ada.get(path)
    assert answer.status_code == HTTPStatus.OK, answer.text
    assert _metric(meter, 'too_many_total{bound="identity",what="wait"}') == 3
    assert _metric(meter, "waits") == 2
    told = [line for line in lines.entries if line["event"] == "too-many"]
    assert [(line["what"], line["bound"], line["most"]) for line in told] == [
        ("wait", "identity", 2)
    ]
    await waiters.leave()
    assert _metric(meter, "waits") == 0
    await waiters.add(ada, how)
    await waiters.leave()


@pytest.mark.parametrize("how", [WAIT, STREAM], ids=["wait", "stream"])
async def test_so_many_wait_in_all(
    app: Starlette,
    client_of: ClientMaker,
    session: UUID,
    how: dict[str, str],
    meter: PrometheusMeter,
) -> None:
    ada, admin, anybody = client_of("ada"), client_of("admin"), client_of()
    waiters = Waiters(app, session)
    await waiters.add(ada, WAIT)
    await waiters.add(ada, STREAM)
    await waiters.add(anybody, WAIT)
    path = f"/sessions/{session}{'/events' if how is STREAM else ''}"
    refused = await admin.get(path, headers=how)
    assert refused.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert int(refused.headers["retry-after"]) > 0
    assert _metric(meter, 'too_many_total{bound="all",what="wait"}') == 1
    await waiters.leave()


async def test_who_has_not_signed_in_counts_by_address(
    app: Starlette, client_of: ClientMaker, session: UUID
) -> None:
    waiters = Waiters(app, session)
    for _ in range(2):
        await waiters.add(client_of(), WAIT)
    refused = await client_of().get(f"/sessions/{session}", headers=WAIT)
    assert refused.status_code == HTTPStatus.TOO_MANY_REQUESTS
    await waiters.add(client_of("ada"), WAIT)
    await waiters.leave()


def forwarded(app: Starlette, peer: str, address: str | None) -> httpx.AsyncClient:
    """A client behind a proxy, as the server hands its requests to the application."""
    behind: Any = ProxyHeadersMiddleware(app, [PROXY])  # type: ignore[arg-type]
    transport = httpx.ASGITransport(behind, client=(peer, 1))
    headers = {} if address is None else {"X-Forwarded-For": address}
    return httpx.AsyncClient(
        transport=transport,
        base_url="http://broker.test",
        headers=headers,
        auth=("ada", "ada-password"),
    )


async def test_behind_a_trusted_proxy_every_forwarded_address_has_its_own(
    world: fakes.World, log: FilteringBoundLogger, session: UUID, meter: PrometheusMeter
) -> None:
    http = Http(trusted_proxies=(PROXY,), connections_per_address=2)
    app = create_app(fakes.services(world), http, log, meter=meter)
    waiters = Waiters(app, session)
    async with forwarded(app, PROXY, "198.51.100.7") as one:
        for _ in range(2):
            await waiters.add(one, WAIT)
        refused = await one.get("/healthz")
        assert refused.status_code == HTTPStatus.TOO_MANY_REQUESTS
        assert int(refused.headers["retry-after"]) > 0
        assert refused.headers["x-request-id"]
        assert refused.json()["type"].endswith(":too-many")
        async with forwarded(app, PROXY, "198.51.100.8") as other:
            assert (await other.get("/healthz")).status_code == HTTPStatus.OK
        async with forwarded(app, PROXY, None) as itself:
            assert (await itself.get("/healthz")).status_code == HTTPStatus.OK
        async with forwarded(app, "203.0.113.9", "198.51.100.7") as liar:
            assert (await liar.get("/healthz")).status_code == HTTPStatus.OK
        assert _metric(meter, 'too_many_total{bound="address",what="request"}') == 1
        await waiters.leave()
        assert (await one.get("/healthz")).status_code == HTTPStatus.OK


def _metric(meter: PrometheusMeter, name: str) -> float:
    lines = [line for line in meter.text().decode().splitlines() if not line.startswith("#")]
    return float(dict(line.rsplit(" ", 1) for line in lines)[f"broker_{name}"])
