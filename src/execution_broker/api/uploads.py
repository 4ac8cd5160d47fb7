"""Uploads: bodies that are content, taken piece by piece and never held as a whole."""

import asyncio
import re
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from execution_broker.api.call import Call
from execution_broker.domain.errors import InvalidParameter

_SHA256: Final = re.compile(r"[0-9A-Fa-f]{64}")
_LONGEST_NAME: Final = 255
_SLOWEST: Final = 16 << 10
"""Bytes a second, less than which a body is given up."""


async def store(call: Call) -> Response:
    query = call.request.query_params
    sha256 = query.get("sha256")
    if sha256 is not None and not _SHA256.fullmatch(sha256):
        raise InvalidParameter(
            "The parameter `sha256` is no sha256 in hexadecimal.", "Send its 64 digits."
        )
    size = _size(call)
    stored = await call.services.uploads.store(
        call.identity, _name(query.get("name", "")), size, sha256, _pieces(call, size)
    )
    location = call.location(f"/uploads/{stored.uuid}")
    return call.answer(stored, HTTPStatus.CREATED, {"Location": location})


async def list_uploads(call: Call) -> Response:
    return call.answer(await call.services.uploads.list(call.identity))


async def remove(call: Call) -> Response:
    await call.services.uploads.remove(call.identity, call.uuid)
    return Response(None, HTTPStatus.NO_CONTENT)


def _name(text: str) -> str:
    if not text.strip() or len(text.encode()) > _LONGEST_NAME or not text.isprintable():
        raise InvalidParameter(
            "The parameter `name` is no file name.",
            f"Send one of 1 to {_LONGEST_NAME} bytes: /uploads?name=fit.ipynb",
        )
    return text


def _size(call: Call) -> int:
    text = call.request.headers.get("content-length", "")
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise HTTPException(
            HTTPStatus.LENGTH_REQUIRED, "An upload says how long it is, in Content-Length."
        )
    return int(text)


async def _pieces(call: Call, size: int) -> AsyncIterator[bytes]:
    """The body as it comes. 408 when it stops coming, or comes too slowly."""
    try:
        async with asyncio.timeout(call.limits.seconds + size / _SLOWEST):
            with call.place():
                body = call.request.stream()
                while True:
                    async with asyncio.timeout(call.limits.seconds):
                        piece = await anext(body, None)
                    if piece is None:
                        return
                    yield piece
    except TimeoutError:
        raise HTTPException(
            HTTPStatus.REQUEST_TIMEOUT, "The upload came too slowly.", {"Connection": "close"}
        ) from None
