"""One call of one route: what a handler is given, and how it answers."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Protocol, TypeVar
from uuid import UUID

import anyio.to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from execution_broker.api.addresses import source
from execution_broker.api.conditions import holds
from execution_broker.api.limits import Limits
from execution_broker.api.media import Representation, body_format
from execution_broker.api.needs import Services, Shown
from execution_broker.domain.errors import BodyTooLarge
from execution_broker.domain.identity import Caller

T = TypeVar("T")

_LARGE: Final = 1 << 16


class Paged(Protocol):
    """A part of a list. `next`: the address of the part behind it."""

    @property
    def next(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Call:
    """`representation` is what the client accepts; `limits` are those of a body."""

    request: Request
    services: Services
    representation: Representation
    caller: Caller | None
    limits: Limits

    @property
    def identity(self) -> Caller:
        """The caller of a route whose access rule demands one."""
        assert self.caller is not None, "the access rule of this route admits nobody unknown"
        return self.caller

    @property
    def source(self) -> int | str:
        """Whom this counts for: the caller, or the address of somebody who has not signed in."""
        if self.caller is not None:
            return self.caller.key
        return source(self.request.client.host) if self.request.client is not None else ""

    @property
    def uuid(self) -> UUID:
        uuid: UUID = self.request.path_params["uuid"]
        return uuid

    @property
    def route_path(self) -> str:
        """The path of the request, as our routes have it."""
        path: str = self.request.scope["path"]
        return path.removeprefix(self.request.scope.get("root_path", ""))

    def location(self, path: str) -> str:
        """A reference without scheme and host, so that a client keeps those that it uses."""
        return f"{self.request.scope.get('root_path', '')}{path}"

    def place(self) -> AbstractContextManager[None]:
        """A place among those who keep a connection busy while nothing happens on it."""
        place: AbstractContextManager[None] = self.request.app.state.waiting.place(self.source)
        return place

    async def body(self, type_: Any) -> object:
        """The plain values of the body, which is expected to be of a wire type.

        UnsupportedMedia before a byte of it is read, BodyTooLarge as soon as it is, MalformedBody
        if it is not what its Content-Type says; 408 if it takes too long to arrive; Unavailable or
        TooMany if too many others have not arrived yet.
        """
        return await self.understood(type_, lambda values: values)

    async def understood(self, type_: Any, understand: Callable[[object], T]) -> T:
        """What its reader makes of the body: of a large one beside all that else is answered."""
        headers = self.request.headers
        format_ = body_format(headers.get("content-type"), headers.get("content-encoding"))
        try:
            async with asyncio.timeout(self.limits.seconds):
                with self.place():
                    data = await self._receive()
        except TimeoutError:
            raise HTTPException(
                HTTPStatus.REQUEST_TIMEOUT,
                f"The body did not arrive within {self.limits.seconds:g} seconds.",
                {"Connection": "close"},
            ) from None

        def work() -> T:
            return understand(format_.read(data, type_))

        return await anyio.to_thread.run_sync(work) if len(data) > _LARGE else work()

    def answer(
        self,
        body: object,
        status: HTTPStatus = HTTPStatus.OK,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """The body, a wire struct, in the format that the client accepts."""
        chosen = self.representation
        return Response(chosen.format.write(body), status, headers, chosen.media_type)

    def answer_page(self, body: Paged) -> Response:
        """A part of a list, with a Link to the next one (RFC 8288)."""
        headers = {} if body.next is None else {"Link": f'<{body.next}>; rel="next"'}
        return self.answer(body, headers=headers)

    def knows(self, etag: str) -> bool:
        """Whether the client says that it has what this (unquoted) ETag stands for."""
        return holds(self.request.headers.get("if-none-match"), self.tag(etag))

    def answer_shown(self, shown: Shown) -> Response:
        """What was written for this reader, with its ETag; 304 if the client has it already."""
        headers = {"ETag": self.tag(shown.etag)}
        if shown.body is None:
            return Response(None, HTTPStatus.NOT_MODIFIED, headers)
        return Response(shown.body, HTTPStatus.OK, headers, self.representation.media_type)

    def tag(self, etag: str) -> str:
        """The ETag to send: two formats of one thing differ in bytes, so they differ in it."""
        name = self.representation.format.name
        return f'"{etag}"' if name == "json" else f'"{etag}-{name}"'

    async def _receive(self) -> bytes:
        announced = self.request.headers.get("content-length", "")
        if announced.isdecimal() and (len(announced) > 18 or int(announced) > self.limits.size):
            raise self._too_large()
        chunks: list[bytes] = []
        size = 0
        async for chunk in self.request.stream():
            size += len(chunk)
            if size > self.limits.size:
                raise self._too_large()
            chunks.append(chunk)
        return b"".join(chunks)

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(
            f"The body has more than {self.limits.size} bytes.", "Send a smaller one."
        )
