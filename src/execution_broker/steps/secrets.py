"""Secrets of a session at the moment of use: given to the one who needs them, kept out of all that
is told."""

import re
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import quote, unquote
from uuid import UUID

import msgspec

from execution_broker.domain import messages
from execution_broker.domain.demand import EXECUTABLE
from execution_broker.domain.errors import CannotOpen, OutsideError, Transient
from execution_broker.domain.plan import StepKind
from execution_broker.models.secrets import Hiding, restored
from execution_broker.ports.platform import Done, Order
from execution_broker.sealing import KeyRing
from execution_broker.storage import secrets
from execution_broker.storage.batch import Batch
from execution_broker.storage.records import StoredSession
from execution_broker.transitions.sealed import Secrets, open_secrets

T = TypeVar("T")

_HIDDEN: Final = "(hidden)"
_SHORTEST: Final = 4
"""A shorter piece may be anywhere by chance; it is hidden with what it stands in."""
_DELIMITERS: Final = re.compile(r"[/?#&;=@:\s]+")
_USER: Final = re.compile(r"//([^/?#]*)@")
_EXECUTABLES: Final = (StepKind.PREPARE_EXECUTABLE, StepKind.PREPARE_COMPUTE, StepKind.START)


class Opening(NamedTuple):
    """What opens secrets, and what knows them in a text."""

    ring: KeyRing
    hiding: Hiding


class Sealed(msgspec.Struct, frozen=True):
    """What a step needs and does not know yet: sealed values of an answer, by component key."""

    answer: UUID
    values: Mapping[str, str]


async def load_secrets(
    connection: Batch, session: StoredSession, kind: StepKind, key: str
) -> Sealed | None:
    """Those of the component whose turn it is, and no others: of data those of the data; those of
    the executable when it, or what it runs in, is prepared or started."""
    if not session.has_secrets:
        return None
    if kind in _EXECUTABLES:
        key = EXECUTABLE
    elif kind is not StepKind.PREPARE_DATA:
        return None
    found = await secrets.of_answer(connection, session.offerset, [key])
    return None if found is None else Sealed(*found)


async def with_secrets(
    opening: Opening, order: Order, sealed: Sealed | None, call: Callable[[Order], Awaitable[T]]
) -> T:
    """Carry out an order whose secrets are in their places; no secret is in what comes of it.

    Transient where another process must do it, which has the key.
    """
    if sealed is None:
        return await call(order)
    try:
        found = {
            key: open_secrets(opening.ring, sealed.answer, key, value)
            for key, value in sealed.values.items()
        }
    except CannotOpen as error:
        reason = error.sentence.rstrip(".")
        raise Transient(messages.STEP_FAILED(step=order.key, reason=reason)) from None
    texts = [secret.text for part in found.values() for secret in part]
    scrubbing = Scrubbing(opening.hiding, texts)
    with scrubbing.errors():
        return scrubbing.clean(await call(_filled(order, found)))


class Scrubbing:
    """Takes the pieces of some secrets out of what a plugin says, however it says them."""

    def __init__(self, hiding: Hiding, texts: Iterable[str]) -> None:
        pieces = {piece for text in texts for piece in _pieces(hiding, text)}
        longest_first = sorted(pieces, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    def clean(self, value: T) -> T:
        """The same value without them. Connectors keep theirs: they are sealed themselves."""
        plain = msgspec.to_builtins(value)
        shown = self._clean(plain)
        if shown == plain:
            return value
        found: T = msgspec.convert(shown, type(value))
        if isinstance(value, Done) and isinstance(found, Done):
            return msgspec.structs.replace(found, connectors=value.connectors)
        return found

    @contextmanager
    def errors(self) -> Iterator[None]:
        """What the body raises is raised without them, to the last cause."""
        try:
            yield
        except OutsideError as error:
            raise type(error)(self.clean(error.message)) from None
        except Exception as error:
            cause: BaseException | None = error
            while cause is not None:
                cause.args = tuple(self._clean(part) for part in cause.args)
                cause = cause.__cause__ or cause.__context__
            raise

    def _clean(self, value: Any) -> Any:
        match value:
            case str():
                return self._pattern.sub(_HIDDEN, value)
            case Mapping():
                return {self._clean(key): self._clean(part) for key, part in value.items()}
            case list() | tuple():
                return [self._clean(part) for part in value]
            case _:
                return value


def _pieces(hiding: Hiding, text: str) -> Iterator[str]:
    """The text itself, and whatever part of it is not in what is shown of it: as it is, as it is
    written in URLs, and as HTTP sends a user and password."""
    yield text
    shown = set(_parts(hiding.text(text)))
    for part in _parts(text):
        if len(part) >= _SHORTEST and part not in shown:
            yield part
            yield quote(part, safe="")
    for user in _USER.findall(text):
        yield user
        yield b64encode(unquote(user).encode()).decode("ascii")


def _parts(text: str) -> Iterator[str]:
    for form in (text, unquote(text), unquote(unquote(text))):
        yield from filter(None, _DELIMITERS.split(form))


def _filled(order: Order, found: Mapping[str, Secrets]) -> Order:
    """With the secrets of its component, and of the executable in its document."""
    component = restored(order.component, found.get(order.key, ()))
    executable = order.document.executable
    document = msgspec.structs.replace(
        order.document, executable=executable and restored(executable, found.get(EXECUTABLE, ()))
    )
    return msgspec.structs.replace(order, component=component, document=document)
