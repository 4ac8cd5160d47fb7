"""Kept outputs and streams: bytes of somebody's execution, never to be run by a browser."""

from http import HTTPStatus
from mimetypes import MimeTypes
from pathlib import Path
from typing import Final

import anyio.to_thread
from starlette.responses import FileResponse, Response

from execution_broker.api import ranges
from execution_broker.api.call import Call
from execution_broker.api.conditions import holds
from execution_broker.api.needs import KeptFile, StreamView
from execution_broker.domain.errors import NotFound

TOTAL: Final = "X-Total-Length"

_TYPES: Final = MimeTypes(filenames=())
for _suffix, _type in {
    ".fits": "application/fits",
    ".fit": "application/fits",
    ".h5": "application/x-hdf5",
    ".hdf5": "application/x-hdf5",
    ".ipynb": "application/x-ipynb+json",
    ".log": "text/plain",
    ".md": "text/markdown",
    ".npy": "application/octet-stream",
    ".parquet": "application/vnd.apache.parquet",
    ".vot": "application/x-votable+xml",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
}.items():
    _TYPES.add_type(_type, _suffix)

_ENCODED: Final = {
    "gzip": "application/gzip",
    "bzip2": "application/x-bzip2",
    "xz": "application/x-xz",
}


async def kept_file(call: Call, kept: KeptFile) -> Response:
    """The file, whole or in the ranges asked for. Its ETag is its sha256.

    NotFound if the file is no longer what was kept: better nothing than half an output.
    """
    tag = f'"{kept.sha256}"'
    if holds(call.request.headers.get("if-none-match"), tag):
        return Response(None, HTTPStatus.NOT_MODIFIED, {"ETag": tag})
    try:
        found = await anyio.to_thread.run_sync(Path.stat, kept.path)
    except FileNotFoundError:
        found = None
    if found is None or found.st_size != kept.size:
        raise NotFound(
            f"The result {kept.name} is no longer kept here as it was recorded.",
            "Ask its platform's operator, or run the session again.",
        )
    _settle_range(call, tag, found.st_size)
    return FileResponse(
        kept.path,
        headers={"ETag": tag},
        media_type=media_type(kept.name),
        filename=kept.name,
        stat_result=found,
    )


def stream(call: Call, name: str, view: StreamView, offset: int) -> Response:
    """What is kept of a stream from an offset on, whole or in the range asked for.

    A header tells how many bytes the stream had in all: the offset to ask for next.
    """
    tag = f'"{name}-{offset}-{view.total}"'
    headers = {"ETag": tag, TOTAL: str(view.total), "Accept-Ranges": "bytes"}
    if holds(call.request.headers.get("if-none-match"), tag):
        return Response(None, HTTPStatus.NOT_MODIFIED, headers)
    headers["Content-Disposition"] = f'attachment; filename="{name}"'
    data, status = view.data, HTTPStatus.OK
    intervals = _wanted(call, tag, len(data))
    if len(intervals) == 1:
        ((start, end),) = intervals
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(data)}"
        data, status = data[start:end], HTTPStatus.PARTIAL_CONTENT
    return Response(data, status, headers, "application/octet-stream")


def _settle_range(call: Call, tag: str, size: int) -> None:
    """Leave in the request the ranges that can be had, if there are any."""
    intervals = _wanted(call, tag, size)
    scope = call.request.scope
    rest = [field for field in scope["headers"] if field[0] not in (b"range", b"if-range")]
    given = [(b"range", ranges.written(intervals).encode())] if intervals else []
    scope["headers"] = [*rest, *given]


def _wanted(call: Call, tag: str, size: int) -> list[tuple[int, int]]:
    headers = call.request.headers
    if headers.get("if-range", tag) != tag:
        return []
    return ranges.wanted(headers.get("range"), size)


def media_type(name: str) -> str:
    """By its name alone, the same on every machine."""
    guess, encoding = _TYPES.guess_type(name.lower())
    if encoding is not None:
        return _ENCODED.get(encoding, "application/octet-stream")
    return guess or "application/octet-stream"
