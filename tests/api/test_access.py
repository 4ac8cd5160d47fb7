"""Every route has an access rule, and every rule is enforced on every route that has it."""

from collections.abc import Callable
from http import HTTPStatus
from uuid import UUID

import httpx
import pytest
from starlette.applications import Starlette
from structlog.typing import FilteringBoundLogger

from execution_broker.api.app import create_app
from execution_broker.api.branches import Branches
from execution_broker.api.identity import Access
from execution_broker.api.routes import ROUTES, Route
from execution_broker.config import Http
from tests.api import bodies, fakes

BODIES = {
    "ExecutionRequest": bodies.NOTEBOOK,
    "DirectExecution": bodies.NOTEBOOK,
    "SessionUpdate": bodies.ACCEPT,
    "IdentityCreate": {"username": "eve", "password": "eve-password"},
    "IdentityUpdate": {"disabled": True},
    "PasswordUpdate": {"password": "another-password"},
    "SubscriptionCreate": {"way": "email", "address": "ada@example.org"},
}
REFUSED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


def _having(*rules: Access) -> Callable[[Callable[..., object]], Callable[..., object]]:
    routes = [route for route in ROUTES if route.access in rules]
    assert routes, "no route has this rule any more"
    return pytest.mark.parametrize("route", routes, ids=lambda route: route.operation_id)


@pytest.fixture
async def path_of(ada: httpx.AsyncClient, world: fakes.World) -> Callable[[Route], str]:
    """The path of something of ada's for each route."""
    offers = (await ada.post("/requests", json=bodies.NOTEBOOK)).json()
    session = offers["offers"][0]["meta"]["uuid"]
    world.keep(UUID(session), "a/b.txt", b"text")

    def path(route: Route) -> str:
        uuid = session
        if route.path.startswith("/offersets"):
            uuid = offers["meta"]["uuid"]
        elif route.path.startswith("/admin"):
            uuid = str(world.callers["bob"].uuid)
        return route.path.replace("{uuid:uuid}", uuid).replace("{path:path}", "a/b.txt")

    return path


async def _use(client: httpx.AsyncClient, route: Route, path: str) -> int:
    if route.content is not None:
        answer = await client.request(route.method, f"{path}?name=file", content=b"content")
    else:
        answer = await client.request(route.method, path, json=BODIES.get(route.operation_id))
    return answer.status_code


def test_every_route_has_a_rule_and_a_unique_name() -> None:
    assert all(isinstance(route.access, Access) for route in ROUTES)
    assert len({route.operation_id for route in ROUTES}) == len(ROUTES)
    assert len({(route.method, route.path) for route in ROUTES}) == len(ROUTES)


def test_the_application_serves_the_table_and_nothing_else(app: Starlette) -> None:
    (branches,) = app.routes
    assert isinstance(branches, Branches)
    assert {route.path for route in branches.routes} == {route.path for route in ROUTES}


@_having(*Access)
async def test_the_administrator_may_use_everything(
    admin: httpx.AsyncClient, route: Route, path_of: Callable[[Route], str]
) -> None:
    assert await _use(admin, route, path_of(route)) < HTTPStatus.BAD_REQUEST


@_having(Access.PUBLIC, Access.PUBLIC_READING)
async def test_public_routes_are_for_anybody(
    anybody: httpx.AsyncClient, route: Route, path_of: Callable[[Route], str]
) -> None:
    assert await _use(anybody, route, path_of(route)) == HTTPStatus.OK


@_having(Access.ANY_IDENTITY, Access.OWNER, Access.ADMINISTRATOR)
async def test_other_routes_need_an_identity(
    anybody: httpx.AsyncClient, route: Route, path_of: Callable[[Route], str]
) -> None:
    assert await _use(anybody, route, path_of(route)) == HTTPStatus.UNAUTHORIZED


@_having(Access.ANY_IDENTITY, Access.OWNER)
async def test_an_identity_is_enough_for_what_is_its_own(
    ada: httpx.AsyncClient, route: Route, path_of: Callable[[Route], str]
) -> None:
    assert await _use(ada, route, path_of(route)) < HTTPStatus.BAD_REQUEST


@_having(Access.OWNER)
async def test_what_is_somebody_elses_is_refused(
    bob: httpx.AsyncClient, route: Route, path_of: Callable[[Route], str]
) -> None:
    assert await _use(bob, route, path_of(route)) == HTTPStatus.FORBIDDEN


@_having(Access.ADMINISTRATOR)
async def test_administration_is_for_the_administrator(
    ada: httpx.AsyncClient, route: Route, path_of: Callable[[Route], str]
) -> None:
    assert await _use(ada, route, path_of(route)) == HTTPStatus.FORBIDDEN


@_having(*Access)
async def test_wrong_credentials_are_refused_everywhere(
    anybody: httpx.AsyncClient, route: Route, path_of: Callable[[Route], str]
) -> None:
    anybody.auth = httpx.BasicAuth("ada", "wrong")
    assert await _use(anybody, route, path_of(route)) == HTTPStatus.UNAUTHORIZED


@_having(Access.PUBLIC_READING)
async def test_reading_can_be_closed(
    world: fakes.World,
    log: FilteringBoundLogger,
    route: Route,
    path_of: Callable[[Route], str],
) -> None:
    closed = create_app(fakes.services(world), Http(public_reading=False), log)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(closed), base_url="http://broker.test"
    ) as client:
        assert (await client.get("/platforms")).status_code == HTTPStatus.OK
        assert await _use(client, route, path_of(route)) == HTTPStatus.UNAUTHORIZED
        client.auth = httpx.BasicAuth("bob", "bob-password")
        assert await _use(client, route, path_of(route)) == HTTPStatus.OK


@_having(Access.ANY_IDENTITY, Access.OWNER, Access.ADMINISTRATOR)
async def test_refusal_comes_before_the_body_is_read(
    anybody: httpx.AsyncClient, route: Route, path_of: Callable[[Route], str]
) -> None:
    answer = await anybody.request(route.method, path_of(route), content=b"{{{")
    assert answer.status_code in REFUSED
