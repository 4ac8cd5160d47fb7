"""The output of a session, read as it grows."""

from typing import Final, Literal

import msgspec

from execution_broker.client.asking import Question, ask
from execution_broker.client.peer import Peer
from execution_broker.client.requests import name
from execution_broker.client.speaking import Conversation, Reply

StreamName = Literal["stdout", "stderr"]

_TOTAL: Final = "x-total-length"
_HEAD: Final = 1 << 20
"""How much of the beginning is kept of a stream that is too long; the rest is kept of its end."""


class Part(msgspec.Struct, frozen=True):
    """What came of a stream, and how many bytes the whole of it had then."""

    data: bytes
    total: int


def read_from(peer: Peer, uuid: object, stream: StreamName, offset: int) -> Conversation[Part]:
    """A stream from the byte `offset` of the whole on; what is not kept of it is left out."""
    place = f"streams/{name(str(uuid))}/{stream}"
    accept = {"Accept": "application/octet-stream, */*;q=0.1"}
    reply = yield from ask(peer, Question(place=place, headers=accept))
    total = _total(reply)
    dropped = total - len(reply.body)
    if dropped == 0 or offset < _HEAD:
        return Part(reply.body[offset:], total)
    return Part(reply.body[max(offset - dropped, _HEAD) :], total)


def _total(reply: Reply) -> int:
    told = reply.headers.get(_TOTAL, "")
    return max(int(told), len(reply.body)) if told.isdecimal() else len(reply.body)
