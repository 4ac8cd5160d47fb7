"""Who calls: every way to say it wrong is refused."""

from base64 import b64encode
from http import HTTPStatus

import httpx
import pytest


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
