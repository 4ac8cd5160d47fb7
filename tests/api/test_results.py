"""Kept outputs and streams: bytes, never to be run by a browser."""

import hashlib
import re
from contextlib import suppress
from http import HTTPStatus
from urllib.parse import quote
from uuid import UUID

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution_broker.api import ranges
from execution_broker.domain.errors import RangeNotSatisfiable
from execution_broker.domain.naming import escaped, is_result_path
from execution_broker.formats import XML
from execution_broker.models.extensions import ResultFile, ResultList
from tests.api import bodies, fakes

CONTENT = bytes(range(256)) * 40


@pytest.fixture
async def uuid(ada: httpx.AsyncClient) -> UUID:
    """A session of ada's."""
    return UUID((await ada.post("/direct", json=bodies.NOTEBOOK)).json()["meta"]["uuid"])


async def test_results_are_listed_and_fetched(
    ada: httpx.AsyncClient, world: fakes.World, uuid: UUID
) -> None:
    world.keep(uuid, "plots/Ünï code.png", CONTENT)
    listed = (await ada.get(f"/sessions/{uuid}/results")).json()["results"]
    assert [(file["path"], file["size"]) for file in listed] == [
        ("plots/Ünï code.png", len(CONTENT))
    ]
    answer = await ada.get(listed[0]["url"])
    assert answer.content == CONTENT
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"].startswith("attachment; filename")
    assert answer.headers["etag"] == f'"{hashlib.sha256(CONTENT).hexdigest()}"'
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("image.fits", "application/fits"),
        ("IMAGE.FITS", "application/fits"),
        ("notebook.ipynb", "application/x-ipynb+json"),
        ("table.vot", "application/x-votable+xml"),
        ("run.log", "text/plain; charset=utf-8"),
        ("page.html", "text/html; charset=utf-8"),
        ("image.fits.gz", "application/gzip"),
        ("archive.tar.xz", "application/x-xz"),
        ("no-suffix", "application/octet-stream"),
        ("odd.unheard-of", "application/octet-stream"),
    ],
)
async def test_the_type_is_that_of_the_name(
    ada: httpx.AsyncClient, world: fakes.World, uuid: UUID, name: str, media_type: str
) -> None:
    world.keep(uuid, name, b"x")
    answer = await ada.get(f"/sessions/{uuid}/results/{name}")
    assert answer.headers["content-type"] == media_type


async def test_ranges_and_etags_of_a_result(
    ada: httpx.AsyncClient, world: fakes.World, uuid: UUID
) -> None:
    world.keep(uuid, "data.bin", CONTENT)
    path = f"/sessions/{uuid}/results/data.bin"
    whole = await ada.get(path)
    part = await ada.get(path, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (HTTPStatus.PARTIAL_CONTENT, CONTENT[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(CONTENT)}"
    beyond = await ada.get(path, headers={"Range": f"bytes={len(CONTENT)}-"})
    assert beyond.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
    assert beyond.json()["type"] == "urn:execution-broker:problem:range-not-satisfiable"
    assert beyond.headers["content-range"] == f"bytes */{len(CONTENT)}"
    last = await ada.get(path, headers={"Range": f"bytes={len(CONTENT)}-, -5"})
    assert (last.status_code, last.content) == (HTTPStatus.PARTIAL_CONTENT, CONTENT[-5:])
    for ignored in (
        "bytes=9-1",
        "bytes=x",
        "lines=1-2",
        "bytes",
        "bytes=,",
        "bytes=" + "1-1," * 50,
    ):
        answer = await ada.get(path, headers={"Range": ignored})
        assert (answer.status_code, answer.content) == (HTTPStatus.OK, CONTENT)
    stale = await ada.get(path, headers={"Range": "bytes=0-9", "If-Range": '"other"'})
    assert (stale.status_code, stale.content) == (HTTPStatus.OK, CONTENT)
    known = await ada.get(path, headers={"If-None-Match": whole.headers["etag"]})
    assert (known.status_code, known.content) == (HTTPStatus.NOT_MODIFIED, b"")
    head = await ada.head(path)
    assert head.content == b""
    assert head.headers["content-length"] == str(len(CONTENT))


@pytest.mark.parametrize(
    "path",
    [
        "",
        "unknown",
        "../secret",
        "a%2f..%2fdata.bin",
        "%2e%2e/secret",
        "a//b",
        "/etc/passwd",
        "%00",
    ],
)
async def test_paths_that_lead_nowhere(
    ada: httpx.AsyncClient, world: fakes.World, uuid: UUID, path: str
) -> None:
    world.keep(uuid, "data.bin", CONTENT)
    request = ada.build_request("GET", f"/sessions/{uuid}/results/x")
    request.url = request.url.copy_with(raw_path=f"/sessions/{uuid}/results/{path}".encode())
    assert (await ada.send(request)).status_code == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize("remains", [None, b"half of it"])
async def test_a_result_that_is_not_what_was_kept_is_not_served(
    ada: httpx.AsyncClient, world: fakes.World, uuid: UUID, remains: bytes | None
) -> None:
    place = world.keep(uuid, "data.bin", CONTENT)
    place.unlink()
    if remains is not None:
        place.write_bytes(remains)
    answer = await ada.get(f"/sessions/{uuid}/results/data.bin")
    assert answer.status_code == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize("name", ["stdout", "stderr"])
async def test_a_stream_says_how_long_it_was(
    ada: httpx.AsyncClient, world: fakes.World, uuid: UUID, name: str
) -> None:
    empty = await ada.get(f"/streams/{uuid}/{name}")
    assert (empty.content, empty.headers["x-total-length"]) == (b"", "0")
    world.streams[uuid, name] = fakes.StreamView(b"first...last", 10**10)
    answer = await ada.get(f"/streams/{uuid}/{name}", headers={"Accept": "text/html"})
    assert answer.content == b"first...last"
    assert answer.headers["x-total-length"] == str(10**10)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    assert answer.headers["cache-control"] == "no-store"


async def test_a_stream_is_followed_without_reading_it_again(
    ada: httpx.AsyncClient, world: fakes.World, uuid: UUID
) -> None:
    path = f"/streams/{uuid}/stdout"
    world.streams[uuid, "stdout"] = fakes.StreamView(b"one two", 7)
    first = await ada.get(path)
    known = {"If-None-Match": first.headers["etag"]}
    assert (await ada.get(path, headers=known)).status_code == HTTPStatus.NOT_MODIFIED
    at = first.headers["x-total-length"]
    assert (await ada.get(f"{path}?offset={at}")).content == b""
    world.streams[uuid, "stdout"] = fakes.StreamView(b"one two three", 13)
    assert (await ada.get(f"{path}?offset={at}")).content == b" three"
    assert (await ada.get(path, headers=known)).content == b"one two three"
    part = await ada.get(path, headers={"Range": "bytes=-5"})
    assert (part.status_code, part.content) == (HTTPStatus.PARTIAL_CONTENT, b"three")
    assert part.headers["content-range"] == "bytes 8-12/13"
    beyond = await ada.get(path, headers={"Range": "bytes=13-"})
    assert beyond.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
    wrong = await ada.get(f"{path}?offset=-1")
    assert wrong.status_code == HTTPStatus.BAD_REQUEST


@given(st.text("bytes=0123456789-, ", max_size=30), st.integers(0, 40))
def test_no_range_breaks_the_reader(header: str, size: int) -> None:
    with suppress(RangeNotSatisfiable):
        assert all(0 <= start < end <= size for start, end in ranges.wanted(header, size))


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=30))
def test_what_can_be_a_result_can_be_listed_in_xml_and_fetched(path: str) -> None:
    if not is_result_path(path):
        assert escaped(path) != path or {"", ".", ".."} & {*path.split("/")}
        return
    listed = ResultList(results=(ResultFile(path=path, size=0, sha256="0", url=quote(path)),))
    assert msgspec.convert(XML.read(XML.write(listed), ResultList), ResultList) == listed
    request = httpx.Request("GET", f"http://x/results/{quote(path)}")
    route = re.compile("/results/(.*)")
    found = route.fullmatch(request.url.path)
    assert found is not None
    assert found[1] == path
