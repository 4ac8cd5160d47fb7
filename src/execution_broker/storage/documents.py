"""Values to JSON text and back, for the columns that SQL never looks into."""

from functools import cache
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_encoder = msgspec.json.Encoder()


def encode(value: object) -> str:
    return _encoder.encode(value).decode()


def decode(text: str | None, type_: type[T]) -> T:
    """The value of a column that is never null."""
    found: T = _decoder(type_).decode(text or "null")  # type: ignore[arg-type] # types hash
    return found


def decode_optional(text: str | None, type_: type[T]) -> T | None:
    return None if text is None else decode(text, type_)


@cache
def _decoder(type_: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(type_)
