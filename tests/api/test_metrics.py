"""`/metrics`: what it says, and who may read it."""

from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families

from execution_broker.api.app import create_app
from execution_broker.api.metrics import MetricsPage, metrics_app
from execution_broker.config import Http
from execution_broker.domain.identity import Role
from tests.api import fakes


class Text:
    async def text(self) -> bytes:
        return b"broker_offers_total 1.0\n"


def client(app: Callable[..., object], **options: object) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type] # any ASGI application
    return httpx.AsyncClient(transport=transport, base_url="http://broker.test", **options)  # type: ignore[arg-type] # as they are


@pytest.mark.parametrize(
    ("public", "headers", "auth", "status"),
    [
        (True, {}, None, HTTPStatus.OK),
        (False, {}, None, HTTPStatus.UNAUTHORIZED),
        (False, {"Authorization": "Bearer secret"}, None, HTTPStatus.OK),
        (False, {"Authorization": "Bearer other"}, None, HTTPStatus.UNAUTHORIZED),
        (False, {}, ("admin", "admin-password"), HTTPStatus.OK),
        (False, {}, ("ada", "ada-password"), HTTPStatus.FORBIDDEN),
    ],
)
async def test_who_may_read(
    tmp_path: Path,
    public: bool,  # noqa: FBT001 - a case of the table above
    headers: dict[str, str],
    auth: tuple[str, str] | None,
    status: HTTPStatus,
) -> None:
    world = fakes.World(tmp_path)
    world.add_account("admin", "admin-password", Role.ADMINISTRATOR)
    world.add_account("ada", "ada-password", Role.USER)
    services = fakes.services(world)
    page = MetricsPage(Text(), public, "secret", services.identities)
    app = create_app(services, Http(), structlog.get_logger(), metrics=page)
    async with client(app, auth=auth) as reader:
        answer = await reader.get("/metrics", headers=headers)
    assert answer.status_code == status
    assert (answer.content == b"broker_offers_total 1.0\n") is (status == HTTPStatus.OK)
    assert answer.headers["cache-control"] == "no-store"


async def test_a_worker_that_others_reach_wants_the_token() -> None:
    async with client(metrics_app(MetricsPage(Text(), public=False, token="secret"))) as reader:
        assert (await reader.get("/metrics")).status_code == HTTPStatus.UNAUTHORIZED
        told = await reader.get("/metrics", headers={"Authorization": "bearer secret"})
        assert told.status_code == HTTPStatus.OK
        assert list(text_string_to_metric_families(told.text))
        assert (await reader.post("/metrics")).status_code == HTTPStatus.METHOD_NOT_ALLOWED
