"""Accounts, platforms, health."""

from http import HTTPStatus
from uuid import UUID

import httpx
import pytest

from execution_broker.domain.amounts import Stretch
from execution_broker.models import kinds
from tests.api import fakes


async def test_an_account_is_made_once(admin: httpx.AsyncClient, world: fakes.World) -> None:
    body = {"username": "eve", "password": "eve-password"}
    made = await admin.post("/admin/identities", json=body)
    assert made.status_code == HTTPStatus.CREATED
    assert set(made.json()) == {"uuid", "username"}
    again = await admin.post("/admin/identities", json={**body, "password": "another"})
    assert again.status_code == HTTPStatus.CONFLICT
    assert again.headers["content-type"] == "application/json"
    assert again.json() == made.json()
    assert world.passwords["eve"] == "eve-password"


@pytest.mark.parametrize("body", [{}, {"username": "eve"}, {"username": [1], "password": "x"}, "x"])
async def test_an_account_needs_a_name_and_a_password(
    admin: httpx.AsyncClient, body: object
) -> None:
    answer = await admin.post("/admin/identities", json=body)
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert answer.json()["detail"]


async def test_identities_are_listed_page_by_page(admin: httpx.AsyncClient) -> None:
    first = (await admin.get("/admin/identities")).json()
    assert [one["username"] for one in first["identities"]] == ["admin", "ada"]
    assert first["identities"][0]["role"] == "administrator"
    rest = (await admin.get("/admin/identities", params={"after": first["next"]})).json()
    assert [one["username"] for one in rest["identities"]] == ["bob"]
    assert "next" not in rest


@pytest.mark.parametrize("after", ["", "x", "-1", "9" * 19, "\u0661"])
async def test_a_page_that_there_never_was(admin: httpx.AsyncClient, after: str) -> None:
    answer = await admin.get("/admin/identities", params={"after": after})
    assert answer.status_code == HTTPStatus.BAD_REQUEST


async def test_an_identity_is_changed(admin: httpx.AsyncClient, world: fakes.World) -> None:
    place = f"/admin/identities/{world.callers['bob'].uuid}"
    assert (await admin.post(place, json={"disabled": True})).json()["username"] == "bob"
    wrongs: list[object] = [{"role": "king"}, {"disabled": "yes"}, {"password": [1]}, []]
    for wrong in wrongs:
        refused = await admin.post(place, json=wrong)
        assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    gone = f"/admin/identities/{UUID(int=1)}"
    assert (await admin.post(gone, json={})).status_code == HTTPStatus.NOT_FOUND


async def test_everybody_may_change_their_own_password(
    ada: httpx.AsyncClient, world: fakes.World
) -> None:
    assert (await ada.get("/identity")).json()["role"] == "user"
    answer = await ada.post("/identity/password", json={"password": "new"})
    assert (answer.status_code, answer.json()["username"]) == (HTTPStatus.OK, "ada")
    assert world.passwords["ada"] == "new"
    ada.auth = httpx.BasicAuth("ada", "new")
    refused = await ada.post("/identity/password", json={})
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY


async def test_platforms_are_public(anybody: httpx.AsyncClient, world: fakes.World) -> None:
    world.statuses = (
        fakes.PlatformStatus(
            name="local",
            description="This machine.",
            reported_at=fakes.NOW,
            kinds=frozenset({kinds.JUPYTER_NOTEBOOK, kinds.DOCKER_CONTAINER}),
            capacity={"cores": 4, "memory": 8},
            overcommitted=(Stretch("cores", 1_798_761_600, 1_798_765_200, 2),),
        ),
        fakes.PlatformStatus("new", "", None, frozenset(), {}),
    )
    assert (await anybody.get("/platforms")).json() == {
        "platforms": [
            {
                "name": "local",
                "description": "This machine.",
                "reported": "2027-01-01T00:00:00Z",
                "kinds": [kinds.DOCKER_CONTAINER, kinds.JUPYTER_NOTEBOOK],
                "amounts": {"cores": 4, "memory": 8},
                "overcommitted": [
                    {
                        "amount": "cores",
                        "excess": 2,
                        "start": "2027-01-01T00:00:00Z",
                        "end": "2027-01-01T01:00:00Z",
                    }
                ],
            },
            {"name": "new"},
        ]
    }


async def test_alive_even_if_nothing_works(anybody: httpx.AsyncClient, world: fakes.World) -> None:
    world.broken = RuntimeError("no database")
    answer = await anybody.get("/healthz")
    assert (answer.status_code, answer.json()) == (HTTPStatus.OK, {"alive": True})


async def test_ready_when_every_check_passes(
    anybody: httpx.AsyncClient, admin: httpx.AsyncClient, world: fakes.World
) -> None:
    answer = await anybody.get("/readyz")
    assert answer.status_code == HTTPStatus.OK
    assert answer.json() == {"ready": True, "checks": [{"name": "database", "passed": True}]}
    world.checks = (*world.checks, fakes.Check("queue", "db7.internal is stuck"))
    answer = await anybody.get("/readyz")
    assert answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert answer.json()["ready"] is False
    assert answer.json()["checks"][1] == {"name": "queue", "passed": False}
    told = (await admin.get("/readyz")).json()["checks"][1]
    assert told["fault"] == "db7.internal is stuck"


async def test_the_administrator_alone_pokes(
    admin: httpx.AsyncClient, ada: httpx.AsyncClient
) -> None:
    answer = await admin.post("/admin/poke")
    assert (answer.status_code, answer.json()) == (HTTPStatus.OK, {"steps": 3})
    assert (await ada.post("/admin/poke")).status_code == HTTPStatus.FORBIDDEN
