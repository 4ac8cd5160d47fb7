"""From the route table to Starlette: one endpoint per path, which admits before it calls."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as Path
from starlette.types import Receive, Scope, Send

from execution_broker.api import challenges
from execution_broker.api.call import Call
from execution_broker.api.identity import admit, identify
from execution_broker.api.limits import Limits
from execution_broker.api.media import negotiate
from execution_broker.api.needs import Services
from execution_broker.api.routes import Route
from execution_broker.config import Http

_VARY: Final = (b"vary", b"Accept, Authorization")
_OF_ANYBODY: Final = ((b"cache-control", b"no-cache"), _VARY)
_OF_SOMEBODY: Final = ((b"cache-control", b"no-store"), _VARY)
"""What answers carry to those who are not known, and to those who are."""
_SAID: Final = frozenset(name for name, _ in _OF_ANYBODY)


def paths(table: Iterable[Route], services: Services, http: Http, limits: Limits) -> list[Path]:
    """What Starlette routes to. Every call of every route goes through its access rule."""
    by_path: dict[str, dict[str, Route]] = {}
    for route in table:
        by_path.setdefault(route.path, {})[route.method] = route
    return [
        Path(path, _endpoint(routes, services, limits, http), name=path)
        for path, routes in by_path.items()
    ]


def _endpoint(
    routes: Mapping[str, Route], services: Services, limits: Limits, http: Http
) -> "_Endpoint":
    negotiated = frozenset(method for method, route in routes.items() if route.is_negotiated)
    return _Endpoint(routes, negotiated, services, limits, http.public_reading)


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """All methods of one path, and of which of them the client chooses the format."""

    routes: Mapping[str, Route]
    negotiated: frozenset[str]
    services: Services
    limits: Limits
    public_reading: bool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._respond(Request(scope, receive, send))
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        method = request.method
        if method == "OPTIONS":
            return Response(None, HTTPStatus.NO_CONTENT, {"Allow": self._allowed()})
        route = self.routes.get("GET" if method == "HEAD" else method)
        if route is None:
            raise HTTPException(
                HTTPStatus.METHOD_NOT_ALLOWED,
                f"This can be used with {self._allowed()} alone.",
                {"Allow": self._allowed()},
            )
        return await self._serve(route, request)

    async def _serve(self, route: Route, request: Request) -> Response:
        accepted = request.headers.getlist("accept") if route.method in self.negotiated else ()
        representation = negotiate(", ".join(accepted) or None, route.also)
        caller = await identify(request, self.services.identities)
        challenges.remember(request.scope, caller)
        admit(route.access, caller, public_reading=self.public_reading)
        call = Call(request, self.services, representation, caller, self.limits)
        response = await route.handler(call)
        said = [field for field in response.raw_headers if field[0] not in _SAID]
        response.raw_headers = [*said, *(_OF_ANYBODY if caller is None else _OF_SOMEBODY)]
        return response

    def _allowed(self) -> str:
        methods = {*self.routes, "OPTIONS", *(("HEAD",) if "GET" in self.routes else ())}
        return ", ".join(sorted(methods))
