"""Reading and changing a session."""

from http import HTTPStatus

import httpx
import pytest

from execution_broker.models import kinds
from tests.api import bodies


@pytest.fixture
async def session(ada: httpx.AsyncClient) -> str:
    """The path of a session of ada's in phase OFFERED."""
    offers = (await ada.post("/requests", json=bodies.NOTEBOOK)).json()
    return f"/sessions/{offers['offers'][0]['meta']['uuid']}"


@pytest.mark.parametrize("path", ["phase", "/phase"])
async def test_an_offer_is_accepted(ada: httpx.AsyncClient, session: str, path: str) -> None:
    answer = await ada.post(session, json={**bodies.ACCEPT, "path": path})
    assert answer.status_code == HTTPStatus.OK
    assert answer.json()["phase"] == "ACCEPTED"
    assert "expires" not in answer.json()
    read = await ada.get(session)
    assert (read.json(), read.headers["etag"]) == (answer.json(), answer.headers["etag"])


async def test_what_is_not_possible_now_is_a_conflict(ada: httpx.AsyncClient, session: str) -> None:
    await ada.post(session, json=bodies.ACCEPT)
    answer = await ada.post(session, json=bodies.ACCEPT)
    assert answer.status_code == HTTPStatus.CONFLICT
    assert answer.json()["type"] == "urn:execution-broker:problem:conflict"
    assert answer.json()["remedy"]


@pytest.mark.parametrize(
    ("update", "place"),
    [
        ({}, "$.kind"),
        ({"kind": "urn:unheard-of"}, "$.kind"),
        ({"kind": 7}, "$.kind"),
        ({"kind": kinds.ENUM_UPDATE, "value": "ACCEPTED"}, "$"),
        ({**bodies.ACCEPT, "value": [7]}, "$.value"),
        ({"kind": kinds.INTEGER_UPDATE, "path": "x", "value": 2**63}, "$.value"),
        ([], "$"),
    ],
)
async def test_an_update_that_breaks_the_schema(
    ada: httpx.AsyncClient, session: str, update: object, place: str
) -> None:
    answer = await ada.post(session, json=update)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert [fault["place"] for fault in answer.json()["faults"]] == [place]


async def test_a_session_nobody_has(ada: httpx.AsyncClient) -> None:
    path = "/sessions/00000000-0000-0000-0000-000000000000"
    assert (await ada.get(path)).status_code == HTTPStatus.NOT_FOUND
    assert (await ada.post(path, json=bodies.ACCEPT)).status_code == HTTPStatus.NOT_FOUND


async def test_only_the_owner_sees_what_could_let_somebody_in(
    ada: httpx.AsyncClient, anybody: httpx.AsyncClient, bob: httpx.AsyncClient, session: str
) -> None:
    assert "token=secret" in (await ada.get(session)).text
    assert "token=secret" not in (await anybody.get(session)).text
    assert "token=secret" not in (await bob.get(session)).text


async def test_an_etag_saves_sending_what_is_known(ada: httpx.AsyncClient, session: str) -> None:
    tag = (await ada.get(session)).headers["etag"]
    for known in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        answer = await ada.get(session, headers={"If-None-Match": known})
        assert (answer.status_code, answer.content) == (HTTPStatus.NOT_MODIFIED, b"")
        assert answer.headers["etag"] == tag
    for other in ('"x"', tag.strip('"'), ""):
        answer = await ada.get(session, headers={"If-None-Match": other})
        assert answer.status_code == HTTPStatus.OK
    await ada.post(session, json=bodies.ACCEPT)
    changed = await ada.get(session, headers={"If-None-Match": tag})
    assert (changed.status_code, changed.json()["phase"]) == (HTTPStatus.OK, "ACCEPTED")


async def test_each_format_has_its_own_etag(ada: httpx.AsyncClient, session: str) -> None:
    as_json = await ada.get(session)
    as_yaml = await ada.get(session, headers={"Accept": "application/yaml"})
    assert as_json.headers["etag"] != as_yaml.headers["etag"]
    mixed = {"Accept": "application/yaml", "If-None-Match": as_json.headers["etag"]}
    assert (await ada.get(session, headers=mixed)).status_code == HTTPStatus.OK


async def test_an_update_may_depend_on_an_etag(ada: httpx.AsyncClient, session: str) -> None:
    as_yaml = {"Accept": "application/yaml"}
    tag = (await ada.get(session, headers=as_yaml)).headers["etag"]
    for other in ('"x"', f"W/{tag}", tag.strip('"')):
        refused = await ada.post(session, json=bodies.ACCEPT, headers={"If-Match": other})
        assert refused.status_code == HTTPStatus.PRECONDITION_FAILED
        assert refused.json()["type"] == "urn:execution-broker:problem:precondition-failed"
    known = {"If-Match": f'"x", {tag}'}
    assert (await ada.post(session, json=bodies.ACCEPT, headers=known)).status_code == HTTPStatus.OK
    reject = {**bodies.ACCEPT, "value": "REJECTED"}
    late = await ada.post(session, json=reject, headers=known)
    assert late.status_code == HTTPStatus.PRECONDITION_FAILED
    current = await ada.post(session, json=bodies.ACCEPT, headers={"If-Match": "*"})
    assert current.status_code == HTTPStatus.CONFLICT
