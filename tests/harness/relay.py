"""What may stand between a client and a broker: passes on what both say, and spoils streams."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_STREAM = b"text/event-stream"


@dataclass
class Relay:
    """`cut`: after so many events of a stream the connection is lost, in the middle of the next.
    `has_streams`: else nobody is heard to ask for one. `asked`: the heads of requests for streams
    as they came; `cuts`: how many were lost."""

    target: str
    cut: int | None = None
    has_streams: bool = True
    asked: list[bytes] = field(default_factory=list)
    cuts: int = 0
    url: str = ""
    _serving: set["asyncio.Task[None]"] = field(default_factory=set)
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        task = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def close(self) -> None:
        serving = list(self._serving)
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        for writer in self._writers:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    def resumed(self) -> list[int]:
        """The Last-Event-ID of every stream that was asked for."""
        heads = [head.lower().partition(b"last-event-id: ")[2] for head in self.asked]
        return [int(rest.partition(b"\r")[0] or b"0") for rest in heads]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        parts = urlsplit(self.target)
        theirs, ours = await asyncio.open_connection(parts.hostname, parts.port)
        self._writers.append(ours)
        streaming = asyncio.Event()
        both = [
            asyncio.create_task(self._up(reader, ours, streaming)),
            asyncio.create_task(self._down(theirs, writer, streaming)),
        ]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            ours.close()
            writer.close()

    async def _up(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, streaming: asyncio.Event
    ) -> None:
        while piece := await reader.read(65536):
            if _STREAM in piece:
                self.asked.append(piece)
                if self.has_streams:
                    streaming.set()
                else:
                    piece = piece.replace(_STREAM, b"application/json ")
            writer.write(piece)
            await writer.drain()

    async def _down(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, streaming: asyncio.Event
    ) -> None:
        seen = b""
        while piece := await reader.read(65536):
            if streaming.is_set() and self.cut is not None:
                before = seen
                seen += piece
                places = _places(seen, b"\nid: ")
                if len(places) > self.cut:
                    writer.write(piece[: max(0, places[self.cut] + 20 - len(before))])
                    await writer.drain()
                    self.cuts += 1
                    writer.transport.abort()
                    return
            writer.write(piece)
            await writer.drain()


@asynccontextmanager
async def relay(target: str) -> AsyncIterator[Relay]:
    made = Relay(target)
    server = await asyncio.start_server(made.accept, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()
        await made.close()


def _places(text: bytes, wanted: bytes) -> list[int]:
    found, at = [], text.find(wanted)
    while at >= 0:
        found.append(at)
        at = text.find(wanted, at + 1)
    return found
