"""A transport that sends in one go what is written in one go: the head of an answer and its body.

Each call of the kernel costs as much as all that we do ourselves to look up an answer, and each
wakes the reader.
"""

import asyncio
from typing import Any, Final

_MOST: Final = 1 << 16


class Joined:
    """What is written is held until the loop turns, up to so many bytes; then it goes to the
    transport beneath, which says when it is too much. All else is as there."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> None:
        if not self._held:
            self._loop.call_soon(self._send)
        self._held.append(data)
        self._size += len(data)
        if self._size >= _MOST:
            self._send()

    def close(self) -> None:
        self._send()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _send(self) -> None:
        held, self._held, self._size = self._held, [], 0
        if held and not self._transport.is_closing():
            self._transport.writelines(held)
