"""`/metrics`: what Prometheus reads, beside the interface and not a part of it."""

import hmac
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from execution_broker.api.identity import Access, admit, identify
from execution_broker.api.needs import Identities

PATH: Final = "/metrics"
_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_METHODS: Final = ("GET", "HEAD")


class Metrics(Protocol):
    async def text(self) -> bytes:
        """Everything that is measured, in the text format of Prometheus."""
        ...


@dataclass(frozen=True, slots=True)
class MetricsPage:
    """Who may read it: everybody where `public`; else whoever sends `token` as a bearer token,
    and the administrator where there are `identities`."""

    metrics: Metrics
    public: bool
    token: str | None = None
    identities: Identities | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        answer = await self._answer(request)
        answer.headers["Cache-Control"] = "no-store"
        await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.method not in _METHODS:
            allowed = {"Allow": ", ".join(_METHODS)}
            return Response(None, HTTPStatus.METHOD_NOT_ALLOWED, allowed)
        if not self.public and not self._has_token(request):
            if self.identities is None:
                return Response(None, HTTPStatus.UNAUTHORIZED, {"WWW-Authenticate": "Bearer"})
            caller = await identify(request, self.identities)
            admit(Access.ADMINISTRATOR, caller, public_reading=False)
        return Response(await self.metrics.text(), headers={"Content-Type": _TYPE})

    def _has_token(self, request: Request) -> bool:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        return (
            self.token is not None
            and scheme.lower() == "bearer"
            and hmac.compare_digest(given.strip().encode(), self.token.encode())
        )


def metrics_app(page: MetricsPage) -> Starlette:
    """An application of this page alone, for a worker."""
    return Starlette(routes=[Route(PATH, page)])
