"""Requests, offer sets and direct execution, in each format."""

from http import HTTPStatus
from typing import Any

import httpx
import pytest

from execution_broker.formats import XML, yaml
from execution_broker.models import kinds
from execution_broker.models.execution import OfferSetResponse
from execution_broker.models.reading import read_request
from tests.api import bodies, fakes


async def test_a_request_is_answered_with_its_offer_set(
    ada: httpx.AsyncClient, anybody: httpx.AsyncClient
) -> None:
    answer = await ada.post("/requests", json=bodies.NOTEBOOK)
    assert answer.status_code == HTTPStatus.SEE_OTHER
    offers = answer.json()
    assert offers["result"] == "YES"
    assert offers["kind"] == kinds.OFFERSET
    assert answer.headers["location"] == f"/offersets/{offers['meta']['uuid']}"
    assert offers["offers"][0]["executable"] == bodies.NOTEBOOK["executable"]
    again = await anybody.get(answer.headers["location"])
    assert (again.status_code, again.json()) == (HTTPStatus.OK, offers)


async def test_an_unknown_kind_is_answered_with_no(ada: httpx.AsyncClient) -> None:
    answer = await ada.post("/requests", json=bodies.UNKNOWN)
    assert answer.status_code == HTTPStatus.SEE_OTHER
    assert answer.json()["result"] == "NO"
    assert "urn:example:unheard-of" in answer.json()["meta"]["messages"][0]["message"]
    stored = await ada.get(answer.headers["location"])
    assert stored.json() == answer.json()


@pytest.mark.parametrize("path", ["/requests", "/direct"])
async def test_every_fault_is_named_with_its_place(
    ada: httpx.AsyncClient, world: fakes.World, path: str
) -> None:
    answer = await ada.post(path, json=bodies.BROKEN)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    places = [fault["place"] for fault in answer.json()["faults"]]
    assert places == ["$.executable.location", "$.compute.cores.min"]
    assert not world.sessions


@pytest.mark.parametrize("path", ["/requests", "/direct"])
@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"{", "application/json", HTTPStatus.BAD_REQUEST),
        (b"", "application/json", HTTPStatus.BAD_REQUEST),
        (b'{"data": [], "data": []}', "application/json", HTTPStatus.BAD_REQUEST),
        (b"a: &x 1", "application/yaml", HTTPStatus.BAD_REQUEST),
        (b"[]", "application/json", HTTPStatus.UNPROCESSABLE_ENTITY),
        (b"", "application/yaml", HTTPStatus.UNPROCESSABLE_ENTITY),
        (b"just text", "text/yaml", HTTPStatus.UNPROCESSABLE_ENTITY),
        (b"<offers-request>", "application/xml", HTTPStatus.BAD_REQUEST),
        (b"<!DOCTYPE a><offers-request/>", "text/xml", HTTPStatus.BAD_REQUEST),
        (b"<update/>", "application/xml", HTTPStatus.UNPROCESSABLE_ENTITY),
        (b"<offers-request/>", "application/octet-stream", HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
        (b"{}", "application/json; charset=utf-16", HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
        (b"[" * 60_000, "application/json", HTTPStatus.BAD_REQUEST),
        (b"[" * 60_000, "application/yaml", HTTPStatus.BAD_REQUEST),
    ],
)
async def test_broken_bodies(
    ada: httpx.AsyncClient, path: str, content: bytes, content_type: str, status: HTTPStatus
) -> None:
    answer = await ada.post(path, content=content, headers={"Content-Type": content_type})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("content_type", ["application/yaml", "text/yaml", "a/b+yaml"])
async def test_yaml_in_and_out(ada: httpx.AsyncClient, content_type: str) -> None:
    body = f"""
        executable:
          kind: {kinds.DOCKER_CONTAINER}
          image: {{locations: [example.org/image:1]}}
          environment: {{COUNTRY: NO, VERSION: 1.10}}
          command:
        """
    answer = await ada.post(
        "/requests",
        content=body.encode(),
        headers={"Content-Type": content_type, "Accept": "application/yaml"},
    )
    assert answer.status_code == HTTPStatus.SEE_OTHER
    assert answer.headers["content-type"] == "application/yaml"
    assert answer.text.count("'NO'") + answer.text.count('"NO"') == 1
    read: Any = yaml.read(answer.content)
    assert read["offers"][0]["executable"] == bodies.CONTAINER["executable"]
    as_json = await ada.get(answer.headers["location"])
    assert as_json.json() == read


@pytest.mark.parametrize("content_type", ["application/xml", "text/xml", "a/b+xml"])
async def test_xml_in_and_out(ada: httpx.AsyncClient, content_type: str) -> None:
    request = XML.write(read_request(bodies.CONTAINER).request)
    headers = {"Content-Type": content_type, "Accept": "text/xml"}
    answer = await ada.post("/requests", content=request, headers=headers)
    assert answer.status_code == HTTPStatus.SEE_OTHER
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    assert answer.content.startswith(b"<?xml version='1.0' encoding='UTF-8'?>\n<offers-response ")
    read: Any = XML.read(answer.content, OfferSetResponse)
    assert read["offers"][0]["executable"] == bodies.CONTAINER["executable"]
    as_json = await ada.get(answer.headers["location"])
    assert as_json.json() == read


async def test_the_faults_of_xml_are_named_with_their_places(ada: httpx.AsyncClient) -> None:
    body = f"""<offers-request><executable kind="{kinds.JUPYTER_NOTEBOOK}"><location><a/></location>
        </executable><compute><cores><min>1</min></cores></compute></offers-request>"""
    headers = {"Content-Type": "application/xml"}
    answer = await ada.post("/requests", content=body, headers=headers)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    places = [fault["place"] for fault in answer.json()["faults"]]
    assert places == ["$.executable.location", "$.compute.kind"]


async def test_nulls_mean_absent(ada: httpx.AsyncClient) -> None:
    body = {**bodies.NOTEBOOK, "schedule": None, "data": None, "storage": None}
    answer = await ada.post("/requests", json=body)
    assert answer.status_code == HTTPStatus.SEE_OTHER
    assert b"null" not in answer.content


async def test_what_an_answer_said_may_be_sent_again(ada: httpx.AsyncClient) -> None:
    """Messages come back with an edited answer, or are others': nothing is needed of one."""
    said = [{}, {"message": "Hello."}, {"template": "{a}", "values": {"a": "b"}, "kind": "urn:x"}]
    body: dict[str, Any] = {**bodies.NOTEBOOK}
    body["executable"] = {**body["executable"], "meta": {"name": "fit", "messages": said}}
    answer = await ada.post("/requests", json=body)
    assert answer.status_code == HTTPStatus.SEE_OTHER
    assert answer.json()["result"] == "YES"


async def test_a_large_body_is_read_too(ada: httpx.AsyncClient) -> None:
    body = {**bodies.NOTEBOOK, "ignored": "x" * 65_000}
    assert (await ada.post("/requests", json=body)).status_code == HTTPStatus.SEE_OTHER


async def test_direct_execution_is_answered_with_its_session(ada: httpx.AsyncClient) -> None:
    answer = await ada.post("/direct", json=bodies.NOTEBOOK)
    assert answer.status_code == HTTPStatus.SEE_OTHER
    session = answer.json()
    assert session["phase"] == "ACCEPTED"
    assert session["kind"] == kinds.SCHEDULED_SESSION
    assert answer.headers["location"] == f"/sessions/{session['meta']['uuid']}"
    assert (await ada.get(answer.headers["location"])).json() == session


async def test_what_cannot_run_is_a_failed_session(
    ada: httpx.AsyncClient, world: fakes.World
) -> None:
    answer = await ada.post("/direct", json=bodies.UNKNOWN)
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert answer.headers["content-type"] == "application/json"
    assert "location" not in answer.headers
    assert answer.json()["phase"] == "FAILED"
    assert answer.json()["meta"]["messages"]
    assert not world.sessions


@pytest.mark.parametrize("key", ["k-1", '"k 1"', "x" * 255])
async def test_a_key_makes_a_request_repeatable(
    ada: httpx.AsyncClient, bob: httpx.AsyncClient, world: fakes.World, key: str
) -> None:
    headers = {"Idempotency-Key": key}
    first = await ada.post("/requests", json=bodies.CONTAINER, headers=headers)
    again = await ada.post("/requests", json=bodies.CONTAINER, headers=headers)
    other_format = {**headers, "Content-Type": "application/yaml"}
    written = yaml.write(bodies.CONTAINER)
    as_yaml = await ada.post("/requests", content=written, headers=other_format)
    assert first.headers["location"] == again.headers["location"] == as_yaml.headers["location"]
    assert len(world.offers) == 1
    changed = await ada.post("/requests", json=bodies.NOTEBOOK, headers=headers)
    assert changed.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert changed.json()["type"] == "urn:execution-broker:problem:key-reused"
    elsewhere = await bob.post("/requests", json=bodies.CONTAINER, headers=headers)
    assert elsewhere.headers["location"] != first.headers["location"]


@pytest.mark.parametrize("key", ["", '""', "x" * 256, "\xe9", '"', "a b"])
async def test_keys_that_are_none(ada: httpx.AsyncClient, world: fakes.World, key: str) -> None:
    headers = [(b"Idempotency-Key", key.encode("latin-1"))]
    answer = await ada.post("/requests", json=bodies.CONTAINER, headers=headers)
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert answer.json()["type"] == "urn:execution-broker:problem:invalid-parameter"
    assert not world.offers
