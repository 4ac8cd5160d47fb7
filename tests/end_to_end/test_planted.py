"""Secrets in every place of requests, through sessions that run to their end and that fail: none
is in any answer, log line, file or row, and each gets to the source it is for.

The other side of `test_secrecy`: there they are in what is sent beside requests.
"""

import asyncio
import sqlite3
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import msgspec
import pytest

from execution_broker.formats import FORMATS, Format
from execution_broker.models import kinds
from execution_broker.models.execution import ExecutionRequest
from execution_broker.testing.website import Asked, Route, Website, answering, website
from tests.harness.asking import request as request_of
from tests.harness.databases import DATABASES
from tests.harness.secrecy import leaked, plant
from tests.harness.serving import Server, server, set_phase, wait_for

CONTENT = b"what the archive gives to ada"
CONNECTOR = "a-secret-of-the-owner"
SETTINGS = {
    "PLATFORMS__HERE__PLUGIN": "scripted",
    "PLATFORMS__HERE__POLICY__DATA__FORBIDDEN": '["http://127.0.0.1:*/forbidden**"]',
    "TRANSFERS__HTTP__ALLOW": '["127.0.0.1"]',
    "TRANSFERS__HTTP__INACTIVITY_TIMEOUT": "0.3",
    "WORKER__ATTEMPTS": "1",
    "WORKER__GRACE": "0",
    "WORKER__COLLECTING": "0",
    "LOG__LEVEL": "DEBUG",
    "LOG__FORMAT": "json",
}
FAILING = ("/401", "/404", "/500", "/hangs", "/breaks")


def secret() -> str:
    return plant(f"planted-{uuid4().hex}")


class Place:
    """An address with secrets of its own. `shown` is what may be told of it."""

    def __init__(self, site: Website, path: str) -> None:
        self.password, self.signature = secret(), secret()
        self.shown = site.url(f"{path}?X-Amz-Date=1&X-Amz-Signature=&part=2")
        plain = site.url(f"{path}?X-Amz-Date=1&X-Amz-Signature={self.signature}&part=2")
        self.url = plain.replace("//", f"//ada:{self.password}@")

    def lets_in(self, asked: Asked) -> bool:
        user = b64encode(f"ada:{self.password}".encode()).decode()
        is_known = asked.headers.get("authorization") == f"Basic {user}"
        return is_known and f"X-Amz-Signature={self.signature}&" in asked.target


class Reader:
    """Keeps all that it is told."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self.told: list[str] = []

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        answer = self.client.request(method, path, **options)
        self.told += [answer.text, str(answer.headers)]
        return answer


@pytest.mark.parametrize("database", DATABASES)
async def test_no_secret_of_a_request_is_told_or_stored(
    tmp_path: Path, database: str, request: pytest.FixtureRequest
) -> None:
    settings, url = dict(SETTINGS), None
    if database != "sqlite":
        url = settings["DATABASE__URL"] = await request.getfixturevalue(database).new_database()
    async with website() as site:
        site.routes |= dict(zip(FAILING, _faults(), strict=True))
        with server(tmp_path, settings) as made:
            told = await asyncio.to_thread(_exercise, made, site)
            made.stop()
    assert len(told) > 200
    assert leaked("\n".join(told)) == []
    assert "request-answered" in "".join(made.log), "it logs what is looked for here"
    stored = await _rows(url) if url else _sqlite(tmp_path / "broker.sqlite")
    assert "X-Amz-Date=1" in stored, "it is looked at where locations are"
    assert leaked(stored) == []
    assert CONNECTOR not in stored
    assert leaked("\n".join(_files(tmp_path))) == []


def _exercise(made: Server, site: Website) -> list[str]:
    made.ready()
    with made.client() as admin, httpx.Client(base_url=made.url, timeout=20) as anybody:
        admin.timeout = 30
        owner, public = Reader(admin), Reader(anybody)
        for format_ in FORMATS:
            _complete(owner, public, site, format_)
        for path in FAILING:
            _fail(owner, public, Place(site, path))
        for how in ("tell", "shout"):
            _betray(owner, public, Place(site, "/never"), how)
        garbled = request_of(script={"prepare_data": "stage"})
        garbled["data"][0]["location"] = f"https://ada:a/{secret()}@host/x"
        _until_failed(owner, public, garbled)
        _refuse(owner, site)
        _mistake(owner, site)
        _list(owner)
    return [*owner.told, *public.told]


def _complete(owner: Reader, public: Reader, site: Website, format_: Format) -> None:
    """A session with secrets of all sorts gets what they are for, and ends well."""
    data, notebook = Place(site, f"/{format_.name}/data"), Place(site, f"/{format_.name}/run.ipynb")
    for place in (data, notebook):
        site.routes[httpx.URL(place.url).path] = _guarded(place)
    body = request_of(script={"prepare_data": "stage", "prepare_executable": "stage"})
    body["executable"]["parameters"]["script"]["prepare_compute"] = "connect"
    body["executable"]["parameters"]["from"] = [Place(site, "/parameter").url]
    body["executable"] |= {"location": notebook.url, "checks": None, "meta": _meta(site)}
    body["data"][0] |= {"location": data.url, "checks": None, "meta": _meta(site)}
    body["compute"]["meta"] = _meta(site)
    headers = {
        "Content-Type": format_.types[0],
        "Accept": format_.types[0],
        "Idempotency-Key": format_.name,
    }
    content = format_.write(msgspec.convert(body, ExecutionRequest))
    asked = {"content": content, "headers": headers}
    first = owner.send("POST", "/requests", **asked)
    again = owner.send("POST", "/requests", **asked)
    assert first.headers["location"] == again.headers["location"]
    offers = owner.send("GET", first.headers["location"]).json()["offers"]
    uuid = offers[0]["meta"]["uuid"]
    set_phase(owner.client, uuid, "ACCEPTED")
    ended = wait_for(owner.client, uuid, "COMPLETED", "FAILED")
    assert ended["phase"] == "COMPLETED", ended
    assert ended["data"][0]["location"] == data.shown
    assert ended["executable"]["location"] == notebook.shown
    assert ended["connectors"] == [{"kind": "urn:x", "status": "FINISHED"}]
    for place in (data, notebook):
        assert any(place.lets_in(asked) for asked in site.asked)
    rename = {"kind": "uri:string-value-update", "path": "name", "value": data.url}
    owner.send("POST", f"/sessions/{uuid}", json=rename)
    _read(owner, public, uuid, first.headers["location"])


def _fail(owner: Reader, public: Reader, place: Place) -> None:
    """What fails at once, where it is looked at; and later, where it is staged."""
    body = request_of(script={"prepare_data": "stage"})
    body["data"][0]["location"] = place.url
    known = dict(body["data"][0]["checks"])
    del body["data"][0]["checks"]
    if "breaks" not in place.url:
        assert owner.send("POST", "/requests", json=body).json()["result"] == "NO"
        assert owner.send("POST", "/direct", json=body).status_code == httpx.codes.BAD_REQUEST
    body["data"][0]["checks"] = known
    _until_failed(owner, public, body)


def _betray(owner: Reader, public: Reader, place: Place, how: str) -> None:
    """A platform that tells whatever it was asked to do."""
    for step, part in (("prepare_data", "data"), ("prepare_compute", "executable")):
        body = request_of(script={step: how})
        (body["data"][0] if part == "data" else body["executable"])["location"] = place.url
        body["executable"]["parameters"]["key"] = f"see {place.url} for more"
        _until_failed(owner, public, body)


def _until_failed(owner: Reader, public: Reader, body: dict[str, Any]) -> None:
    answer = owner.send("POST", "/requests", json=body)
    uuid = answer.json()["offers"][0]["meta"]["uuid"]
    set_phase(owner.client, uuid, "ACCEPTED")
    assert wait_for(owner.client, uuid, "FAILED")
    _read(owner, public, uuid, answer.headers["location"])


def _refuse(owner: Reader, site: Website) -> None:
    """A NO quotes what it refuses."""
    forbidden, unknown = Place(site, "/forbidden"), Place(site, "/x")
    data = request_of()["data"][0]
    for change in (
        {"data": [data | {"location": forbidden.url}]},
        {"data": [{"kind": f"uri:none:{unknown.url}", "location": unknown.url}]},
        {"data": [data | {"storage": unknown.url}]},
        {"executable": {"kind": kinds.DOCKER_CONTAINER, "image": {"locations": [unknown.url]}}},
        {"schedule": {"requested": {"start": unknown.url, "duration": unknown.url}}},
    ):
        answer = owner.send("POST", "/requests", json=request_of() | change)
        assert answer.json()["result"] == "NO", change
        owner.send("POST", "/direct", json=request_of() | change)


def _mistake(owner: Reader, site: Website) -> None:
    """A problem document quotes what cannot be read."""
    url = Place(site, "/x").url
    executable = request_of()["executable"]
    for content, type_ in (
        (f'{{"{url}": 1, "{url}": 2}}', "application/json"),
        (f'"{url}', "application/json"),
        (f"? {url}\n: 1\n? {url}\n: 2\n", "application/yaml"),
        (f"a: *{url}", "application/yaml"),
        (f"<request><!ENTITY x '{url}'>", "application/xml"),
        (url, "text/plain"),
    ):
        answer = owner.send("POST", "/requests", content=content, headers={"Content-Type": type_})
        assert answer.is_client_error
    for body in (
        {"executable": executable | {"mode": url}},
        {"executable": executable | {"checks": {"size": url}}},
        {"executable": {"kind": {url: url}}},
        {url: url, "costs": url},
    ):
        assert owner.send("POST", "/requests", json=body).is_client_error
    uuid = str(uuid4())
    for update in ({"kind": url, "path": url, "value": url}, {"kind": "x", "path": {url: url}}):
        assert owner.send("POST", f"/sessions/{uuid}", json=update).is_client_error
    for path in ("/sessions", "/offersets", f"/sessions/{uuid}/events"):
        for name in ("after", "limit", "phase"):
            owner.send("GET", path, params={name: url})


def _read(owner: Reader, public: Reader, uuid: str, offers: str) -> None:
    session = f"/sessions/{uuid}"
    for format_ in FORMATS:
        headers = {"Accept": format_.types[0]}
        for path in (session, offers):
            for reader in (owner, public):
                assert reader.send("GET", path, headers=headers).is_success
        for path in (f"{session}/events", f"{session}/results"):
            assert owner.send("GET", path, headers=headers).is_success
    for stream in ("stdout", "stderr"):
        owner.send("GET", f"/streams/{uuid}/{stream}")
    with owner.client.stream(
        "GET", f"{session}/events", headers={"Accept": "text/event-stream"}
    ) as events:
        owner.told += list(events.iter_lines())


def _list(owner: Reader) -> None:
    for format_ in FORMATS:
        for path in ("/sessions", "/offersets", "/platforms", "/readyz"):
            assert owner.send("GET", path, headers={"Accept": format_.types[0]}).is_success
    assert owner.send("GET", "/metrics").is_success


def _meta(site: Website) -> dict[str, str]:
    """Names are for people: a secret has no business there, and is not kept."""
    return {"name": f"n-{uuid4().hex[:4]}", "description": f"see {Place(site, '/x').url}"}


def _guarded(place: Place) -> Route:
    async def route(asked: Asked, writer: asyncio.StreamWriter) -> None:
        found = answering(200, CONTENT) if place.lets_in(asked) else answering(403)
        await found(asked, writer)

    return route


def _faults() -> Sequence[Route]:
    """What fails, in all the ways there are."""

    async def hangs(_: Asked, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(1)

    async def breaks(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")

    return (answering(401), answering(404), answering(500), hangs, breaks)


def _sqlite(path: Path) -> str:
    """Every row, and every byte of the files."""
    with closing(sqlite3.connect(path)) as connection:
        rows = "\n".join(connection.iterdump())
    files = [file.read_bytes().decode("latin-1") for file in path.parent.glob(f"{path.name}*")]
    return "\n".join([rows, *files])


async def _rows(url: str) -> str:
    connection = await asyncpg.connect(url)
    try:
        tables = await connection.fetch(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        )
        found: list[str] = []
        for (table,) in tables:
            found += [row[0] for row in await connection.fetch(f"SELECT t::text FROM {table} AS t")]
    finally:
        await connection.close()
    return "\n".join(found)


def _files(directory: Path) -> Iterator[str]:
    """What else the broker has written, but the password that it gave to its administrator."""
    paths: Iterable[Path] = directory.rglob("*")
    for file in paths:
        if file.is_file() and file.name != "admin-password":
            yield f"{file}\n{file.read_bytes().decode('latin-1')}"
