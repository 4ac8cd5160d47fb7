"""One connection of a client, on which HTTP is spoken."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from execution_broker.cli.connections.keeping import LARGEST_HEAD, Connections
from execution_broker.cli.connections.refusal import Refusal
from execution_broker.cli.connections.standing import Member
from execution_broker.cli.joining import Joined


class Connection(HttpToolsProtocol, Member):
    """Sends the head of an answer with its body, and says where it stands: whether a request is
    awaited or carried out, or what was answered is not taken."""

    def __init__(self, connections: Connections, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._all = connections
        self._fruitless = 0  # bytes of which nothing has come: no head, and nothing of a body
        self._has_begun = False

    @property
    def is_unsent(self) -> bool:
        return self.transport.is_closing() or self.transport.get_write_buffer_size() > 0

    def refuse(self, refusal: Refusal) -> None:
        if self._has_begun:
            self.transport.write(refusal.written())
        self._close()

    def abort(self) -> None:
        self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        peer = transport.get_extra_info("peername")
        host = peer[0] if isinstance(peer, tuple) else None
        if not self._all.admit(self, host, transport, self.loop.time()):
            return
        joined: Any = Joined(transport, self.loop)
        super().connection_made(joined)

    def connection_lost(self, exc: Exception | None) -> None:
        self._all.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        standing = self._all.standing
        self._has_begun = True
        self._fruitless += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            self._close()
        elif self._fruitless > LARGEST_HEAD:
            self._all.end_large(self, self.loop.time())
        elif self.group is standing.kept:
            standing.move(self, standing.heads, self.loop.time())

    def on_headers_complete(self) -> None:
        self._fruitless = 0
        self._all.standing.move(self, None)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._fruitless = 0
        super().on_body(body)

    def on_response_complete(self) -> None:
        is_last = not self.pipeline
        super().on_response_complete()
        if self.pipeline:
            self.flow.pause_reading()  # until what has come is answered
        if not is_last:
            return
        if self.is_unsent:
            self._stall()
        else:
            standing = self._all.standing
            self._has_begun = False
            standing.move(self, standing.kept, self.loop.time())

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stall()

    def resume_writing(self) -> None:
        super().resume_writing()
        standing = self._all.standing
        is_over = self.cycle.response_complete
        standing.move(self, standing.kept if is_over else None, self.loop.time())

    def _close(self) -> None:
        """Once all has been sent."""
        self.transport.close()
        self._stall()

    def _stall(self) -> None:
        """If it is so still after a while, the client does not read."""
        standing = self._all.standing
        if self.group is not standing.stalled:
            standing.move(self, standing.stalled, self.loop.time())
