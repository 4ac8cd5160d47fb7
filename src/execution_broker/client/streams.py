"""The output of a session, read as it grows."""

from typing import Final, Literal

import msgspec

from execution_broker.client.transport import Reply, Transport

StreamName = Literal["stdout", "stderr"]

_TOTAL: Final = "x-total-length"
_HEAD: Final = 1 << 20
"""How much of the beginning is kept of a stream that is too long; the rest is kept of its end."""


class Part(msgspec.Struct, frozen=True):
    """What came of a stream, and how many bytes the whole of it had then."""

    data: bytes
    total: int


def read_from(transport: Transport, place: str, offset: int) -> Part:
    """A stream from the byte `offset` of the whole on; what is not kept of it is left out."""
    reply = transport.get(place, {"Accept": "application/octet-stream, */*;q=0.1"})
    total = _total(reply)
    dropped = total - len(reply.body)
    if dropped == 0 or offset < _HEAD:
        return Part(reply.body[offset:], total)
    return Part(reply.body[max(offset - dropped, _HEAD) :], total)


def _total(reply: Reply) -> int:
    told = reply.headers.get(_TOTAL, "")
    return max(int(told), len(reply.body)) if told.isdecimal() else len(reply.body)
