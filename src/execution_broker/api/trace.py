"""What every answer carries, and the request id that every log line of it carries."""

import re
import time
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, reset_contextvars
from structlog.typing import FilteringBoundLogger

from execution_broker.api.challenges import of_caller
from execution_broker.domain.log_events import LogEvent
from execution_broker.domain.spans import Tracer

_SAFE: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_OF_SESSIONS: Final = ("/sessions/{uuid", "/streams/{uuid")
_NO_SNIFFING: Final = (b"x-content-type-options", b"nosniff")
_KEY: Final = "execution_broker.request_id"


class Trace:
    """ASGI middleware: a request id (the client's, if it is a short safe token), the headers that
    every answer has, no body for HEAD, a span, and one line in the log."""

    def __init__(
        self,
        app: ASGIApp,
        access: FilteringBoundLogger,
        new_request_id: Callable[[], str],
        tracer: Tracer,
    ) -> None:
        self._app = app
        self._access = access
        self._new = new_request_id
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = scope[_KEY] = _given(scope) or self._new()
        status, begun = 0, time.monotonic()

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                identified = b"x-request-id", request_id.encode()
                said = message.get("headers", ())
                message["headers"] = [*said, identified, _NO_SNIFFING, *of_caller(scope)]
            elif scope["method"] == "HEAD" and "body" in message:
                message["body"] = b""
            await send(message)

        bound = bind_contextvars(request=request_id)
        try:
            with self._tracer.request(scope["method"], _traceparent(scope)) as span:
                await self._app(scope, receive, send_on)
                route = _route(scope)
                span.answered(route, _session(route, scope), status)
        finally:
            self._tell(scope, status, time.monotonic() - begun)
            reset_contextvars(**bound)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        """Names the route and never the address, of which parts may be secret."""
        route = _route(scope)
        session = _session(route, scope)
        self._access.info(
            LogEvent.REQUEST_ANSWERED,
            method=scope["method"],
            route=route,
            status=status,
            seconds=round(seconds, 4),
            client=(scope.get("client") or (None,))[0],
            **({} if session is None else {"session": str(session)}),
            **_identity(scope),
        )


def headers(scope: Scope) -> dict[str, str]:
    """The headers that every answer to this request carries."""
    return {"X-Request-ID": request_id(scope), "X-Content-Type-Options": "nosniff"}


def request_id(scope: Scope) -> str:
    """The id of a request that has come through `Trace`."""
    identifier: str = scope[_KEY]
    return identifier


def _route(scope: Scope) -> str | None:
    path: str | None = getattr(scope.get("route"), "path", None)
    return path


def _identity(scope: Scope) -> dict[str, str]:
    """Whom the answer has named as its reader."""
    named = of_caller(scope)
    return {"identity": str(named[0][1], "ascii")} if named else {}


def _given(scope: Scope) -> str | None:
    fields: Any = scope["headers"]
    for name, value in fields:
        if name == b"x-request-id" and _SAFE.fullmatch(value):
            return str(value, "ascii")
    return None


def _traceparent(scope: Scope) -> str | None:
    """The W3C header, if there is one and no more than one."""
    given = [value for name, value in scope["headers"] if name == b"traceparent"]
    return str(given[0], "latin-1") if len(given) == 1 else None


def _session(route: str | None, scope: Scope) -> UUID | None:
    """The session that the address names."""
    if route is None or not route.startswith(_OF_SESSIONS):
        return None
    uuid: UUID | None = scope.get("path_params", {}).get("uuid")
    return uuid
