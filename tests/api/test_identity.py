"""Who calls: every way to say it wrong is refused."""

from base64 import b64encode
from http import HTTPStatus

import httpx
import pytest
from structlog.typing import FilteringBoundLogger

from execution_broker.api.app import create_app
from execution_broker.config import Http
from tests.api import fakes


def _basic(text: str | bytes) -> str:
    raw = text.encode() if isinstance(text, str) else text
    return f"Basic {b64encode(raw).decode()}"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic !!!",
        "Bearer abc",
        "Digest username=ada",
        _basic("ada"),
        _basic(b"ada:\xff"),
        _basic("ada:ada\0-password"),
        _basic("ada:wrong"),
        _basic(":"),
        _basic("nobody:ada-password"),
        _basic("ada:ada-password")[:-3],
    ],
)
@pytest.mark.parametrize("path", ["/platforms", "/healthz"])
async def test_what_does_not_hold_is_401_on_public_routes_too(
    anybody: httpx.AsyncClient, header: str, path: str
) -> None:
    answer = await anybody.get(path, headers={"Authorization": header})
    assert answer.status_code == HTTPStatus.UNAUTHORIZED
    assert answer.headers["www-authenticate"].startswith("Basic realm=")
    assert "password" not in answer.text.replace("username:password", "").replace(
        "user name and password", ""
    )


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC", "Basic  "])
async def test_the_scheme_has_no_case(anybody: httpx.AsyncClient, scheme: str) -> None:
    credentials = _basic("ada:ada-password").removeprefix("Basic ")
    answer = await anybody.get("/platforms", headers={"Authorization": f"{scheme} {credentials}"})
    assert answer.status_code == HTTPStatus.OK


async def test_two_headers_are_ambiguous(anybody: httpx.AsyncClient) -> None:
    header = ("Authorization", _basic("ada:ada-password"))
    answer = await anybody.get("/platforms", headers=[header, header])
    assert answer.status_code == HTTPStatus.UNAUTHORIZED


async def test_passwords_may_have_colons_and_any_letters(
    admin: httpx.AsyncClient, anybody: httpx.AsyncClient
) -> None:
    made = {"username": "zoë", "password": "a:b:ç"}
    assert (await admin.post("/admin/identities", json=made)).status_code == HTTPStatus.CREATED
    answer = await anybody.get("/platforms", headers={"Authorization": _basic("zoë:a:b:ç")})
    assert answer.status_code == HTTPStatus.OK


async def test_a_bearer_token_is_somebodys(anybody: httpx.AsyncClient, world: fakes.World) -> None:
    world.tokens["good"] = "ada"
    answer = await anybody.get("/identity", headers={"Authorization": "bearer good"})
    assert answer.status_code == HTTPStatus.OK
    assert answer.json()["username"] == "ada"
    assert answer.headers["x-vo-authenticated"] == "ada"


async def test_without_issuers_only_passwords_are_asked_for(anybody: httpx.AsyncClient) -> None:
    answer = await anybody.get("/identity")
    assert answer.headers.get_list("www-authenticate") == [
        'Basic realm="execution-broker", charset="UTF-8"'
    ]
    assert "x-vo-authenticated" not in answer.headers


async def test_every_way_to_sign_in_is_offered_in_a_header_of_its_own(
    world: fakes.World, log: FilteringBoundLogger
) -> None:
    world.discovery_urls = ("https://iam.example/.well-known/openid-configuration",)
    app = create_app(fakes.services(world), Http(), log)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://broker.test") as client:
        nobody = await client.get("/identity")
        wrong = await client.get("/identity", headers={"Authorization": "Bearer expired"})
    ivoa = (
        'ivoa_bearer standard_id="ivo://ivoa.net/sso#OpenID", '
        'discovery_url="https://iam.example/.well-known/openid-configuration"'
    )
    basic = 'Basic realm="execution-broker", charset="UTF-8"'
    assert nobody.headers.get_list("www-authenticate") == [
        basic,
        'Bearer realm="execution-broker"',
        ivoa,
    ]
    assert wrong.status_code == HTTPStatus.UNAUTHORIZED
    assert wrong.json()["type"] == "urn:execution-broker:problem:invalid-token"
    assert wrong.headers.get_list("www-authenticate") == [
        basic,
        'Bearer realm="execution-broker", error="invalid_token"',
        ivoa,
    ]


async def test_the_answer_names_whom_it_is_for_whatever_it_is(
    ada: httpx.AsyncClient, admin: httpx.AsyncClient, anybody: httpx.AsyncClient
) -> None:
    assert (await ada.get("/platforms")).headers["x-vo-authenticated"] == "ada"
    refused = await ada.get("/admin/identities")
    assert refused.status_code == HTTPStatus.FORBIDDEN
    assert refused.headers["x-vo-authenticated"] == "ada"
    assert "x-vo-authenticated" not in (await anybody.get("/platforms")).headers
    await admin.post("/admin/identities", json={"username": "zo\u00eb \u2603", "password": "p"})
    answer = await anybody.get("/platforms", headers={"Authorization": _basic("zo\u00eb \u2603:p")})
    assert answer.headers["x-vo-authenticated"] == "zo%C3%AB %E2%98%83"
