"""What every answer has in common, and what each error becomes."""

import asyncio
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import httpx
import msgspec
import pytest
import yaml
from starlette.applications import Starlette
from structlog.testing import LogCapture

from execution_broker.api.app import STATUS
from execution_broker.domain import errors
from tests.api import bodies, fakes

ERRORS: dict[type[errors.BrokerError], tuple[errors.BrokerError, int]] = {
    errors.MalformedBody: (errors.MalformedBody("It is broken.", "Mend it."), 400),
    errors.InvalidBody: (errors.InvalidBody(()), 422),
    errors.InvalidParameter: (errors.InvalidParameter("No key."), 400),
    errors.KeyReused: (errors.KeyReused("Another one."), 422),
    errors.PreconditionFailed: (errors.PreconditionFailed("Changed."), 412),
    errors.RangeNotSatisfiable: (errors.RangeNotSatisfiable("No.", "", 7), 416),
    errors.BodyTooLarge: (errors.BodyTooLarge("It is too large."), 413),
    errors.UnsupportedMedia: (errors.UnsupportedMedia("Not this."), 415),
    errors.NotAcceptable: (errors.NotAcceptable("Not that."), 406),
    errors.Unauthenticated: (errors.Unauthenticated("Who is it?"), 401),
    errors.Forbidden: (errors.Forbidden("Not yours."), 403),
    errors.NotFound: (errors.NotFound("Not there."), 404),
    errors.AlreadyExists: (errors.AlreadyExists("There is one."), 409),
    errors.Conflict: (errors.Conflict("Not now."), 409),
    errors.InvalidToken: (errors.InvalidToken("It has expired.", "Get a new one."), 401),
    errors.TooMany: (errors.TooMany("Too many.", "Wait.", 17), 429),
    errors.Unavailable: (errors.Unavailable("Busy.", retry_after=3), 503),
    errors.CannotOpen: (errors.CannotOpen("No key.", "Give it."), 503),
}


@pytest.mark.parametrize("kind", list(STATUS), ids=lambda kind: kind.__name__)
async def test_each_error_is_a_problem(
    kind: type[errors.BrokerError], world: fakes.World, anybody: httpx.AsyncClient
) -> None:
    error, status = ERRORS[kind]
    world.broken = error
    answer = await anybody.get("/platforms")
    problem = answer.json()
    assert answer.status_code == status
    assert problem["type"] == f"urn:execution-broker:problem:{error.code}"
    assert problem["detail"] == error.sentence
    assert problem.get("remedy", "") == error.remedy
    assert ("www-authenticate" in answer.headers) == (status == HTTPStatus.UNAUTHORIZED)
    retry_after = getattr(error, "retry_after", None)
    assert answer.headers.get("retry-after") == (None if retry_after is None else str(retry_after))


def test_every_error_of_a_caller_has_a_status() -> None:
    ours = {
        *(errors.ConfigurationError, errors.ConfigurationFaults, errors.IllegalTransition),
        *(errors.OutsideError, errors.Permanent, errors.Transient, errors.Underway),
    }
    assert set(_below(errors.BrokerError)) - ours == set(STATUS) == set(ERRORS)


def _below(kind: type[errors.BrokerError]) -> Iterable[type[errors.BrokerError]]:
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield child
            yield from _below(child)


@pytest.mark.parametrize("error", [fakes.unexpected(), RuntimeError("hunter2")], ids=["ours", "?"])
async def test_what_is_unexpected_is_logged_and_not_told(
    error: Exception, world: fakes.World, anybody: httpx.AsyncClient, lines: LogCapture
) -> None:
    world.broken = error
    answer = await anybody.get("/platforms", headers={"X-Request-ID": "mine-1"})
    assert answer.status_code == HTTPStatus.INTERNAL_SERVER_ERROR
    assert answer.json()["type"] == "urn:execution-broker:problem:internal-server-error"
    assert "hunter2" not in answer.text
    assert "mine-1" in answer.json()["remedy"]
    failed = [line for line in lines.entries if line["log_level"] == "error"]
    assert [(line["event"], line["request"]) for line in failed] == [("request-failed", "mine-1")]
    assert failed[0]["exc_info"] is error


async def test_problems_come_in_the_format_that_is_accepted(anybody: httpx.AsyncClient) -> None:
    answer = await anybody.get("/nowhere", headers={"Accept": "text/yaml"})
    assert answer.headers["content-type"] == "application/problem+yaml"
    assert yaml.safe_load(answer.content)["status"] == HTTPStatus.NOT_FOUND


async def test_problems_come_as_plain_text(ada: httpx.AsyncClient) -> None:
    headers = {"Accept": "text/plain"}
    answer = await ada.get("/nowhere", headers=headers)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text == "Not found (404)\nThere is nothing here.\n"
    broken = await ada.post(
        "/requests", json=bodies.BROKEN, headers={"Accept": "application/json;q=0.5, text/plain"}
    )
    assert broken.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "\n$.compute.cores.min: Expected" in broken.text


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "/requests/",
        "/offersets/",
        "/offersets/not-a-uuid",
        "/sessions/1234",
        "/sessions/00000000-0000-0000-0000-000000000000/",
        "/streams/00000000-0000-0000-0000-000000000000/stdin",
        "/sessions/%00",
        "/docs",
    ],
)
async def test_what_is_not_there_is_a_problem(anybody: httpx.AsyncClient, path: str) -> None:
    answer = await anybody.get(path)
    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert answer.json()["type"] == "urn:execution-broker:problem:not-found"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/requests", "OPTIONS, POST"),
        ("DELETE", "/sessions/00000000-0000-0000-0000-000000000000", "GET, HEAD, OPTIONS, POST"),
        ("PUT", "/healthz", "GET, HEAD, OPTIONS"),
        ("TRACE", "/healthz", "GET, HEAD, OPTIONS"),
        ("BREW", "/healthz", "GET, HEAD, OPTIONS"),
    ],
)
async def test_other_methods_are_told_what_is_allowed(
    anybody: httpx.AsyncClient, method: str, path: str, allowed: str
) -> None:
    answer = await anybody.request(method, path)
    assert answer.status_code == HTTPStatus.METHOD_NOT_ALLOWED
    assert answer.headers["allow"] == allowed
    assert answer.json()["type"] == "urn:execution-broker:problem:method-not-allowed"
    options = await anybody.options(path)
    assert (options.status_code, options.headers["allow"]) == (HTTPStatus.NO_CONTENT, allowed)


async def test_head_is_get_without_the_body(anybody: httpx.AsyncClient) -> None:
    for path in ("/healthz", "/openapi.yaml", "/nowhere"):
        get, head = await anybody.get(path), await anybody.head(path)
        assert head.status_code == get.status_code
        assert head.content == b""
        assert head.headers["content-length"] == str(len(get.content))
        assert head.headers["content-type"] == get.headers["content-type"]


@pytest.mark.parametrize("given", ["a", "A-1_b.C", "x" * 64])
async def test_a_safe_request_id_is_kept(anybody: httpx.AsyncClient, given: str) -> None:
    answer = await anybody.get("/healthz", headers={"X-Request-ID": given})
    assert answer.headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a\tb", "é", "<script>", "a;b"])
async def test_any_other_request_id_is_replaced(anybody: httpx.AsyncClient, given: str) -> None:
    answer = await anybody.get("/healthz", headers=[(b"X-Request-ID", given.encode())])
    assert answer.headers["x-request-id"] == "made-here"


async def test_the_log_has_one_line_per_request(ada: httpx.AsyncClient, lines: LogCapture) -> None:
    session = (await ada.post("/direct", json=bodies.NOTEBOOK)).headers["location"]
    lines.entries.clear()
    await ada.get(session, headers={"X-Request-ID": "mine-2"})
    assert 0 <= lines.entries[0].pop("seconds") < 60
    assert lines.entries == [
        {
            "event": "request-answered",
            "log_level": "info",
            "client": "127.0.0.1",
            "identity": "ada",
            "session": session.rpartition("/")[2],
            "request": "mine-2",
            "method": "GET",
            "route": "/sessions/{uuid:uuid}",
            "status": HTTPStatus.OK,
        }
    ]


async def test_what_is_told_to_an_identity_is_not_stored(
    ada: httpx.AsyncClient, anybody: httpx.AsyncClient
) -> None:
    session = (await ada.post("/direct", json=bodies.NOTEBOOK)).headers["location"]
    assert (await ada.get(session)).headers["cache-control"] == "no-store"
    public = await anybody.get(session)
    assert public.headers["cache-control"] == "no-cache"
    assert public.headers["vary"] == "Accept, Authorization"


async def test_not_acceptable_comes_before_anything_happens(
    ada: httpx.AsyncClient, world: fakes.World
) -> None:
    answer = await ada.post("/requests", json=bodies.NOTEBOOK, headers={"Accept": "text/html"})
    assert answer.status_code == HTTPStatus.NOT_ACCEPTABLE
    assert not world.offers


# --- Bodies: how many bytes, whatever their header says --------------------------------------


async def _send(
    app: Starlette, chunks: list[bytes], length: bytes | None = None
) -> tuple[dict[str, Any], int]:
    """Send a body in chunks, as a server passes it on; the answer's start, and what was read."""
    headers = [
        (b"authorization", b"Basic YWRhOmFkYS1wYXNzd29yZA=="),
        (b"content-type", b"application/json"),
    ]
    if length is not None:
        headers.append((b"content-length", length))
    read = 0
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        nonlocal read
        read += 1
        if read > len(chunks):
            await asyncio.Event().wait()
        more = read < len(chunks)
        return {"type": "http.request", "body": chunks[read - 1], "more_body": more}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/requests",
        "raw_path": b"/requests",
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("broker.test", 80),
    }
    await app(scope, receive, send)
    return sent[0], read


BODY = msgspec.json.encode(bodies.NOTEBOOK)
LIMIT = 1 << 16


@pytest.mark.parametrize(
    "length", [None, b"0", b"10", b"-1", b"ten"], ids=lambda length: str(length)
)
async def test_bytes_are_counted_while_they_come(app: Starlette, length: bytes | None) -> None:
    start, read = await _send(app, [b" " * 30_000] * 100, length)
    assert start["status"] == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert read == 3


@pytest.mark.parametrize("length", [b"65537", b"9" * 30])
async def test_an_announced_excess_is_refused_unread(app: Starlette, length: bytes) -> None:
    start, read = await _send(app, [BODY], length)
    assert (start["status"], read) == (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, 0)


async def test_a_body_as_large_as_the_limit_is_read(app: Starlette) -> None:
    start, _ = await _send(app, [BODY[:10], BODY[10:], b" " * (LIMIT - len(BODY))])
    assert start["status"] == HTTPStatus.SEE_OTHER


async def test_the_root_path_of_a_proxy_is_kept(app: Starlette) -> None:
    transport = httpx.ASGITransport(app, root_path="/broker")
    auth = ("ada", "ada-password")
    async with httpx.AsyncClient(
        transport=transport, base_url="http://broker.test/broker", auth=auth
    ) as client:
        answer = await client.post("/direct", json=bodies.NOTEBOOK)
        assert answer.headers["location"].startswith("/broker/sessions/")
        assert (await client.get(str(answer.next_request.url))).status_code == HTTPStatus.OK  # type: ignore[union-attr]
