"""What is answered to a connection on which no request is read any more."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Final, NamedTuple, cast

from execution_broker.formats import JSON
from execution_broker.models.extensions import Problem

_LINGER: Final = 1.0
"""Seconds for a client that is not let in to read why."""


class Refusal(NamedTuple):
    """`retry_after` in seconds."""

    problem: Problem
    retry_after: int | None = None

    def written(self) -> bytes:
        """The answer, head and body, after which the connection is closed."""
        body = JSON.write(self.problem)
        status = HTTPStatus(self.problem.status)
        head = [
            f"HTTP/1.1 {status.value} {status.phrase}",
            "content-type: application/problem+json",
            f"content-length: {len(body)}",
            "cache-control: no-store",
            "x-content-type-options: nosniff",
            "connection: close",
        ]
        if self.retry_after is not None:
            head.append(f"retry-after: {self.retry_after}")
        return "\r\n".join([*head, "", ""]).encode() + body


class Refused(asyncio.Protocol):
    """A connection that is told why it is not let in. What the client sends is passed over: were it
    left unread, the client might not get to read the answer."""

    def __init__(self, refusal: Refusal, ended: Callable[[], None]) -> None:
        self._refusal = refusal
        self._ended = ended

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        told = cast("asyncio.Transport", transport)  # that of uvloop is one, and is no subclass
        asyncio.get_running_loop().call_later(_LINGER, told.abort)
        told.write(self._refusal.written())
        told.write_eof()

    def connection_lost(self, error: Exception | None) -> None:
        self._ended()
