"""A stream of events as an answer. The library under it changes the server that it finds, so only
who needs it loads this."""

from collections.abc import AsyncIterator
from typing import Any, Final

from sse_starlette import EventSourceResponse
from starlette.types import Receive, Scope, Send

from execution_broker.api.waiting import Waiting

_RETRY: Final = 2000
"""Milliseconds after which a client comes back when a stream broke off."""


class EventStream(EventSourceResponse):
    """Takes a place to wait for as long as it is sent; Unavailable or TooMany if there is none."""

    def __init__(
        self, events: AsyncIterator[dict[str, Any]], waiting: Waiting, source: int | str
    ) -> None:
        super().__init__(_with_head(events), ping=waiting.heartbeat, sep="\n")
        self._waiting = waiting
        self._source = source

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._waiting.place(self._source):
            await super().__call__(scope, receive, send)


async def _with_head(events: AsyncIterator[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
    yield {"comment": "the log of a session", "retry": _RETRY}
    async for event in events:
        yield event
