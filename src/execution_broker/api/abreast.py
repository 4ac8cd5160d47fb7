"""How many requests of one client are carried out at a time, where a proxy stands before us.

Without one, a client has no more than its connections, and these are bounded.
"""

from collections import Counter
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from execution_broker.api import problems
from execution_broker.api.addresses import Proxies, source
from execution_broker.api.excess import Excess
from execution_broker.domain.errors import TooMany

_RETRY_AFTER: Final = 5


class Abreast:
    """ASGI middleware: at most `most` at a time from one address. What comes from a proxy without
    the address of a client is not counted."""

    def __init__(self, app: ASGIApp, most: int, proxies: Proxies, excess: Excess) -> None:
        self._app = app
        self._most = most
        self._proxies = proxies
        self._excess = excess
        self._addresses: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        host = (scope.get("client") or ("",))[0]
        if not host or host in self._proxies:
            await self._app(scope, receive, send)
            return
        address = source(host)
        if self._addresses[address] >= self._most:
            self._excess.refuse("request", "address", self._most, address)
            await self._refuse(scope, receive, send)
            return
        self._addresses[address] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._addresses[address] -= 1
            if not self._addresses[address]:
                del self._addresses[address]

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = TooMany(
            f"Already {self._most} requests from this address are carried out.",
            "Wait until one of them is answered.",
            retry_after=_RETRY_AFTER,
        )
        problem = problems.of_error(error, HTTPStatus.TOO_MANY_REQUESTS)
        accept = ", ".join(Request(scope).headers.getlist("accept")) or None
        answer = problems.respond(problem, accept, {"Retry-After": str(error.retry_after)})
        await answer(scope, receive, send)
