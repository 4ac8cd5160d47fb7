"""JSON bodies: strictly one value, no duplicate keys, no nulls, bounded in depth, texts kept."""

import json
from typing import Any, Final, NoReturn

import msgspec

from execution_broker.domain.errors import MalformedBody
from execution_broker.formats.limits import DEPTH, strip_nulls
from execution_broker.formats.texts import Written, settled

_DECODER: Final = msgspec.json.Decoder()
_ENCODER: Final = msgspec.json.Encoder()

_REMEDY: Final = "Send one JSON value in UTF-8."


def read(data: bytes, type_: Any = Any) -> object:
    """The plain value of a JSON text, without the properties that are null. Where this wire type
    wants text, numbers and booleans are the text that was written.

    MalformedBody for anything that RFC 8259 or I-JSON (RFC 7493) does not allow.
    """
    try:
        value = _DECODER.decode(data)
        again = _ENCODER.encode(value)
    except RecursionError:
        _too_deep()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedBody(f"The body is not JSON: {error}.", _REMEDY) from None
    if data.count(b"{") + data.count(b"[") > DEPTH and _depth(value) > DEPTH:
        _too_deep()
    if b"\\u" in data:
        _refuse_nul(value)
    if b"\\u" in data or again.count(b":") != data.count(b":"):
        _refuse_duplicates(data)
    if b"null" in data:
        strip_nulls(value)
    return value if _is_of(value, type_) else settled(_written(data), type_)


def write(value: object) -> bytes:
    return _ENCODER.encode(value)


def _is_of(value: object, type_: Any) -> bool:
    """Whether it is of this type as it is: then every text is one."""
    try:
        msgspec.convert(value, type=type_)
    except msgspec.ValidationError:
        return False
    return True


def _written(data: bytes) -> object:
    """Read again with a slower reader that sees how numbers are written."""
    return json.loads(data, parse_int=_number, parse_float=_number)


def _number(text: str) -> Written:
    return Written(text, _DECODER.decode)


def _depth(value: object) -> int:
    """How deep lists and objects nest; what lies below DEPTH + 1 is not looked at."""
    level: list[Any] = [value]
    for depth in range(DEPTH + 1):
        level = [part for part in level if isinstance(part, dict | list)]
        if not level:
            return depth
        level = [part for whole in level for part in _parts(whole)]
    return DEPTH + 1


def _parts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _refuse_nul(value: Any) -> None:
    texts = [value] if isinstance(value, str) else [*value] if isinstance(value, dict) else []
    if any("\0" in text for text in texts):
        raise MalformedBody("The body has text with the character U+0000.", "Leave it out.")
    for part in _parts(value):
        _refuse_nul(part)


def _refuse_duplicates(data: bytes) -> None:
    """Read again with a slower reader that sees every key.

    Called only if the colons of the text are not those of the value read from it (each key has
    one, all others stand in strings), or if escapes may hide colons: a key given twice always
    ends up here.
    """
    json.loads(data, object_pairs_hook=_unique, parse_int=str, parse_float=str)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise MalformedBody(f"The body has the key {key!r} twice in one object.", "Keep one.")
        found[key] = value
    return found


def _too_deep() -> NoReturn:
    raise MalformedBody(
        f"The body nests deeper than {DEPTH} levels.", "Send a flatter one."
    ) from None
