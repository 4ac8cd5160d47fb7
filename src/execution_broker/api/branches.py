"""Routes by the first segment of their path, so that few patterns are tried for a request."""

from collections.abc import Iterable

from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send


class Branches(BaseRoute):
    """Many routes whose paths begin with a fixed segment, as one. None of them is for some methods
    alone: what a path can be used with is said by its endpoint."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = list(routes)
        self._branches: dict[str, list[Route]] = {}
        for route in self.routes:
            self._branches.setdefault(_first(route.path), []).append(route)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http":
            return Match.NONE, {}
        path: str = scope["path"]
        for route in self._branches.get(_first(path.removeprefix(scope.get("root_path", ""))), ()):
            match, found = route.matches(scope)
            if match is Match.FULL:
                found["route"] = route
                return match, found
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await scope["route"].handle(scope, receive, send)


def _first(path: str) -> str:
    end = path.find("/", 1)
    return path[1:] if end < 0 else path[1:end]
