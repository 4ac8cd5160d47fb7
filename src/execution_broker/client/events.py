"""Server-Sent Events, read from pieces of bytes as they come."""

from typing import Final

import msgspec

from execution_broker.client.speaking import LARGEST, too_large


class ServerEvent(msgspec.Struct, frozen=True):
    """One event. `id` is where to go on after a connection was lost."""

    event: str
    data: str
    id: str | None


HEARTBEAT: Final = "heartbeat"
"""The name under which a comment is given, which servers send to keep a connection open."""


class EventReader:
    """Bytes in, events out. What is not whole yet is kept, up to the most that an answer may be."""

    def __init__(self) -> None:
        self._rest = b""
        self._event = ""
        self._data: list[str] = []
        self.last: str | None = None

    def feed(self, piece: bytes) -> list[ServerEvent]:
        """The events that end in this piece. UnexpectedReply if a line is too long."""
        lines = (self._rest + piece).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) + sum(map(len, self._data)) > LARGEST:
            raise too_large(LARGEST)
        found = [self._line(line.decode("utf-8", "replace")) for line in lines]
        return [event for event in found if event is not None]

    def _line(self, line: str) -> ServerEvent | None:
        if not line:
            return self._ended()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "":
                return ServerEvent(HEARTBEAT, value, self.last)
            case "data":
                self._data.append(value)
            case "event":
                self._event = value
            case "id" if "\0" not in value:
                self.last = value
        return None

    def _ended(self) -> ServerEvent | None:
        data, self._data = self._data, []
        event, self._event = self._event, ""
        return ServerEvent(event or "message", "\n".join(data), self.last) if data else None
