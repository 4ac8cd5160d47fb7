"""The words between the client's logic and its shells.

All logic of the client is written once, as generators that do no I/O: they yield what they want
(send this, wait so long) and are given what came of it. A shell, blocking or asynchronous, does
what is wanted. `Conversation[T]` ends with a T; `Course[T]` gives one T after the other (`Found`).
"""

from collections.abc import Callable, Generator, Mapping
from typing import Any, Final, Generic, TypeVar

import msgspec

from execution_broker.client.errors import UnexpectedReply

T = TypeVar("T")

LARGEST: Final = 32 << 20
"""Bytes of an answer that is read as a whole; more is not of this interface."""


class Ask(msgspec.Struct, frozen=True):
    """Send this. The answer is a `Reply`, read to its end, of at most `most` bytes.

    `NotSent` or `Lost` is what can come of it instead.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes | None = None
    most: int = LARGEST


class Open(Ask, frozen=True):
    """The same, but the body of the `Reply` is empty: `Take` gives it piece by piece.

    One at a time; `Ask` may come in between.
    """


class Take(msgspec.Struct, frozen=True):
    """The next piece of what is open; nothing at its end. `Lost` if it breaks off."""


class Shut(msgspec.Struct, frozen=True):
    """Close what is open, wherever in it one is."""


class Pause(msgspec.Struct, frozen=True):
    """Wait so many seconds."""

    seconds: float


class Sign(msgspec.Struct, frozen=True):
    """The value for Authorization, or None. `again`: the last one was refused."""

    again: bool = False


class Do(msgspec.Struct, frozen=True):
    """Call this, which may take long (files), and give what it returns or raises."""

    work: Callable[[], Any]


class Found(msgspec.Struct, Generic[T], frozen=True):
    """Something for whoever follows a course."""

    value: T


Want = Ask | Open | Take | Shut | Pause | Sign | Do
Conversation = Generator[Want, Any, T]
Course = Generator[Want | Found[T], Any, None]


class NotSent(Exception):
    """Nothing of it has reached the broker."""


class Lost(Exception):
    """It may have reached the broker; its answer did not reach us."""


class Reply(msgspec.Struct, frozen=True):
    """An answer. `headers` by lower-case name."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def values(self) -> object:
        """The JSON body as plain values."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            kind = self.headers.get("content-type", "no type")
            raise UnexpectedReply(
                f"The broker answered {self.status} with {kind}, which is not JSON: {error}.",
                "Check that the address is that of an Execution Broker.",
            ) from None


def too_large(most: int) -> UnexpectedReply:
    return UnexpectedReply(
        f"The broker answers with more than {most >> 10} KiB.",
        "Check that the address is that of an Execution Broker.",
    )
