"""The application over the services of `fakes`, and clients of it with and without an identity."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import structlog
from starlette.applications import Starlette
from structlog.contextvars import merge_contextvars
from structlog.testing import LogCapture
from structlog.typing import FilteringBoundLogger

from execution_broker.api.app import create_app
from execution_broker.api.media import body_format
from execution_broker.api.routes import ROUTES
from execution_broker.config import Http
from execution_broker.domain.identity import Role
from execution_broker.models.extensions import Problem
from tests.api import fakes

ClientMaker = Callable[..., httpx.AsyncClient]


@pytest.fixture
def world(tmp_path: Path) -> fakes.World:
    world = fakes.World(tmp_path)
    world.add_account("admin", "admin-password", Role.ADMINISTRATOR)
    world.add_account("ada", "ada-password", Role.USER)
    world.add_account("bob", "bob-password", Role.USER)
    return world


@pytest.fixture
def lines() -> LogCapture:
    return LogCapture()


@pytest.fixture
def log(lines: LogCapture) -> FilteringBoundLogger:
    logger: FilteringBoundLogger = structlog.wrap_logger(
        None,
        processors=[merge_contextvars, lines],
        wrapper_class=structlog.make_filtering_bound_logger(0),
        cache_logger_on_first_use=False,
    )
    return logger


@pytest.fixture
def http() -> Http:
    return Http(body_limit=1 << 16)


@pytest.fixture
def app(world: fakes.World, http: Http, log: FilteringBoundLogger) -> Starlette:
    return create_app(fakes.services(world), http, log, new_request_id=lambda: "made-here")


@pytest.fixture
async def client_of(app: Starlette) -> AsyncIterator[ClientMaker]:
    """Makes clients; each answer they get has to be one that the route table announces."""
    async with AsyncExitStack() as stack:

        def make(username: str | None = None) -> httpx.AsyncClient:
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            client = httpx.AsyncClient(
                transport=transport,
                base_url="http://broker.test",
                auth=(username, f"{username}-password") if username else None,
                event_hooks={"response": [_check_announced]},
            )
            stack.push_async_callback(client.aclose)
            return client

        yield make


@pytest.fixture
def anybody(client_of: ClientMaker) -> httpx.AsyncClient:
    return client_of()


@pytest.fixture
def ada(client_of: ClientMaker) -> httpx.AsyncClient:
    return client_of("ada")


@pytest.fixture
def bob(client_of: ClientMaker) -> httpx.AsyncClient:
    return client_of("bob")


@pytest.fixture
def admin(client_of: ClientMaker) -> httpx.AsyncClient:
    return client_of("admin")


async def _check_announced(response: httpx.Response) -> None:
    """The rules of every answer: what all carry, and that the route table speaks of it."""
    await response.aread()
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["x-request-id"]
    method = "GET" if response.request.method == "HEAD" else response.request.method
    content_type = response.headers.get("content-type", "")
    if response.is_error and content_type.startswith("text/plain"):
        return
    if "problem+" in content_type:
        if response.content:
            _check_problem(response)
        return
    if method == "OPTIONS":
        return
    announced = _announced(method, response.request.url.path)
    assert response.status_code in announced, "a status that the route table does not announce"
    body = announced[HTTPStatus(response.status_code)].body
    if content_type.startswith("text/event-stream"):
        return
    if body is not None and not isinstance(body, str) and response.content:
        msgspec.convert(_read(response, body), type=body)


def _check_problem(response: httpx.Response) -> None:
    problem = msgspec.convert(_read(response, Problem), type=Problem)
    assert problem.status == response.status_code
    assert problem.type.startswith("urn:execution-broker:problem:")
    assert response.headers["cache-control"] == "no-store"


def _read(response: httpx.Response, type_: Any) -> object:
    return body_format(response.headers["content-type"], None).read(response.content, type_)


def _announced(method: str, path: str) -> Any:
    for route in ROUTES:
        if route.method == method and _fits(route.path, path):
            return route.answers
    return {}


def _fits(pattern: str, path: str) -> bool:
    wanted, given = pattern.strip("/").split("/"), path.strip("/").split("/")
    if wanted[-1].endswith(":path}"):
        given = given[: len(wanted) - 1] + ["rest"] * (len(given) >= len(wanted))
    return len(wanted) == len(given) and all(
        part.startswith("{") or part == other for part, other in zip(wanted, given, strict=True)
    )
