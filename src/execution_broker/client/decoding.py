"""From the JSON of any broker to wire structs.

Another broker may know kinds that we do not, and writes null for what is absent. A component of
an unknown kind is left out and reported; what has the shape of a session is read as one.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar, get_args

import msgspec

from execution_broker.client.errors import UnexpectedReply
from execution_broker.models import kinds
from execution_broker.models.component import Cost, Metric
from execution_broker.models.executable import Executable
from execution_broker.models.execution import ExecutionSession, OfferSetResponse
from execution_broker.models.message import Option
from execution_broker.models.reading import UnknownKind
from execution_broker.models.resources import Compute, Data, Storage, Volume

Notice = Callable[[UnknownKind], None]
"""Told of each component that was left out of an answer because its kind is not known."""

T = TypeVar("T")

_LOG: Final = logging.getLogger("execution_broker.client")
_PARTS: Final[Mapping[str, Any]] = {
    "executable": Executable,
    "compute": Compute,
    "storage": Storage,
    "data": Data,
    "volumes": Volume,
    "costs": Cost,
    "metrics": Metric,
    "options": Option,
}
_VERBATIM: Final = frozenset({"parameters"})


def log_unknown(unknown: UnknownKind) -> None:
    """The notice of those who give none."""
    _LOG.warning("%s has the kind %s, which is not known here", unknown.place, unknown.kind)


def read_session(values: object, notice: Notice) -> ExecutionSession:
    """A session. UnexpectedReply when it is none; unknown kinds inside it go to `notice`."""
    body = _known_whole(_whole(values, "$", kinds.SCHEDULED_SESSION, notice), notice)
    session = read(body, ExecutionSession)
    if session.phase is None:
        raise _unexpected("$.phase: a session without a phase")
    return session


def read_offerset(values: object, notice: Notice) -> OfferSetResponse:
    """An offer set. UnexpectedReply when it is none; unknown kinds inside it go to `notice`."""
    body = _known_whole(_whole(values, "$", kinds.OFFERSET, notice), notice)
    offers = body.get("offers")
    if isinstance(offers, list):
        body["offers"] = [
            _whole(offer, f"$.offers[{i}]", kinds.SCHEDULED_SESSION, notice)
            for i, offer in enumerate(offers)
        ]
    offerset = read(body, OfferSetResponse)
    if offerset.result is None:
        raise _unexpected("$.result: an offer set without a result")
    return offerset


def read(values: object, type_: type[T]) -> T:
    """Any object of the wire. UnexpectedReply names the place of the fault."""
    try:
        return msgspec.convert(values, type=type_)
    except msgspec.ValidationError as error:
        text, _, path = str(error).partition(" - at `$")
        raise _unexpected(f"${path.rstrip('`')}: {text}") from None


def _whole(values: object, place: str, kind: str, notice: Notice) -> dict[str, Any]:
    """The object with the kind that we know it by: its fields decide, not its kind."""
    if not isinstance(values, dict):
        raise _unexpected(f"{place}: expected an object")
    given = values.get("kind")
    if isinstance(given, str) and given != kind:
        notice(UnknownKind(place=place, kind=given, known=(kind,)))
    return {**values, "kind": kind}


def _known_whole(values: Mapping[str, Any], notice: Notice) -> dict[str, Any]:
    try:
        return _known(values, "$", notice)
    except RecursionError:
        raise _unexpected("$: nested too deeply") from None


def _known(values: Mapping[str, Any], place: str, notice: Notice) -> dict[str, Any]:
    """The object without nulls and without the components whose kind is unknown."""
    kept: dict[str, Any] = {}
    for key, value in values.items():
        part = _value(value, f"{place}.{key}", key, notice)
        if part is not None:
            kept[key] = part
    return kept


def _value(value: Any, place: str, key: str, notice: Notice) -> Any:
    if key in _VERBATIM:
        return value
    if isinstance(value, list):
        parts = (_value(item, f"{place}[{i}]", key, notice) for i, item in enumerate(value))
        return [part for part in parts if part is not None]
    if not isinstance(value, Mapping):
        return value
    if key in _PARTS and _is_unknown(value, place, _PARTS[key], notice):
        return None
    return _known(value, place, notice)


def _is_unknown(value: Mapping[str, Any], place: str, union: Any, notice: Notice) -> bool:
    kind = value.get("kind")
    known = tuple(str(m.__struct_config__.tag) for m in get_args(union) or (union,))
    if kind in known or (kind is None and len(known) == 1):
        return False
    notice(UnknownKind(place=place, kind=str(kind or "(none)"), known=known))
    return True


def _unexpected(what: str) -> UnexpectedReply:
    return UnexpectedReply(
        f"The broker's answer is not of this interface at {what}.",
        "Check that the address is that of an Execution Broker, version 1.0.",
    )
