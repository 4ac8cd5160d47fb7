"""Kept outputs and streams: bytes, never to be run by a browser."""

import hashlib
from http import HTTPStatus
from uuid import UUID

import httpx
import pytest

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
