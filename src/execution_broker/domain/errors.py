"""Errors: a stable code, a sentence, and what to do about it.

Only `api/app.py` knows which status code an error becomes.
"""

from collections.abc import Sequence
from typing import ClassVar

from execution_broker.models.extensions import Account, Fault
from execution_broker.models.message import Message


class BrokerError(Exception):
    """Every error the broker raises on purpose.

    `code` is stable and part of the problem type URI. `sentence` names the place of the fault,
    `remedy` says what would make it work. Neither ever holds a secret.
    """

    code: ClassVar[str] = "error"

    def __init__(self, sentence: str, remedy: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.sentence} {self.remedy}".strip()


class ConfigurationError(BrokerError):
    """The configuration cannot be used. The sentence begins with the key."""

    code = "configuration"


class ConfigurationFaults(ConfigurationError):
    """Several faults of one configuration, each an error of its own."""

    def __init__(self, faults: Sequence[ConfigurationError]) -> None:
        super().__init__(
            f"The configuration has {len(faults)} faults: "
            + " ".join(fault.sentence for fault in faults),
            "Correct each of them.",
        )
        self.faults = tuple(faults)


class MalformedBody(BrokerError):
    """The bytes of a body are not what its Content-Type says."""

    code = "malformed-body"


class InvalidBody(BrokerError):
    """A body breaks the published schema. `faults` holds a place and a reason for each."""

    code = "invalid-body"

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        places = ", ".join(fault.place for fault in faults)
        super().__init__(
            f"The body breaks the schema at {places}.",
            "Correct each fault listed and send it again.",
        )
        self.faults = faults


class BodyTooLarge(BrokerError):
    code = "body-too-large"


class InvalidParameter(BrokerError):
    """A header or a parameter of the address that cannot be read."""

    code = "invalid-parameter"


class KeyReused(BrokerError):
    """An Idempotency-Key that stood for another request before."""

    code = "key-reused"


class PreconditionFailed(BrokerError):
    """What the client knows, by its If-Match, is no longer so."""

    code = "precondition-failed"


class RangeNotSatisfiable(BrokerError):
    """No such part of the content. `size`: how many bytes it has."""

    code = "range-not-satisfiable"

    def __init__(self, sentence: str, remedy: str, size: int) -> None:
        super().__init__(sentence, remedy)
        self.size = size


class UnsupportedMedia(BrokerError):
    """The Content-Type of the body is none we read."""

    code = "unsupported-media"


class NotAcceptable(BrokerError):
    """The Accept header allows none of the types we write."""

    code = "not-acceptable"


class Unauthenticated(BrokerError):
    """No identity, or one that does not hold."""

    code = "unauthenticated"


class InvalidToken(Unauthenticated):
    """A bearer token that does not hold, whatever is wrong with it."""

    code = "invalid-token"


class Forbidden(BrokerError):
    code = "forbidden"


class NotFound(BrokerError):
    code = "not-found"


class AlreadyExists(BrokerError):
    """The name is taken. `account` is the one that has it, where an account was asked for."""

    code = "already-exists"

    def __init__(self, sentence: str, remedy: str = "", account: Account | None = None) -> None:
        super().__init__(sentence, remedy)
        self.account = account


class Conflict(BrokerError):
    """Not possible in this phase. The remedy lists what is."""

    code = "conflict"


class TooMany(BrokerError):
    """A budget or a rate of this identity is used up. `retry_after` in seconds."""

    code = "too-many"

    def __init__(self, sentence: str, remedy: str, retry_after: int) -> None:
        super().__init__(sentence, remedy)
        self.retry_after = retry_after


class Unavailable(BrokerError):
    """The broker cannot answer now, and lost nothing. `retry_after` in seconds."""

    code = "unavailable"

    def __init__(self, sentence: str, remedy: str = "", retry_after: int = 5) -> None:
        super().__init__(sentence, remedy or "Try again in a few seconds.")
        self.retry_after = retry_after


class CannotOpen(Unavailable):
    """Something is sealed with a key that is not here, or was tampered with. Nothing is lost: with
    the key it can be opened."""


class IllegalTransition(BrokerError):
    """A phase was to follow another that it may not follow: a fault of ours, never written."""

    code = "illegal-transition"


class OutsideError(BrokerError):
    """Something outside went wrong while a step acted. `message` is what its owner is told.
    `retry_after`: seconds for which the other side wants to be left alone, if it says so."""

    def __init__(self, message: Message, retry_after: float | None = None) -> None:
        super().__init__(message.message or message.kind)
        self.message = message
        self.retry_after = retry_after


class Permanent(OutsideError):
    """Trying again cannot help: the step becomes FAILED at once."""

    code = "permanent"


class Underway(OutsideError):
    """Somebody else is at just this now: asked again, it may be done. That is no failure."""

    code = "underway"


class Transient(OutsideError):
    """Trying again may help: the step is put back until its attempts are used up."""

    code = "transient"
