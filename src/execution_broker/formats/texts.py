"""Scalars where a wire type wants text: they are what was written.

So a digest of digits, `meta.name: 2026` and `command: [10, 0]` keep their text, like `1.10` and
`true` among the variables of an environment.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from execution_broker.models.shape import Shape, shape_of


class Written(NamedTuple):
    """A scalar as it was written, and how to read it where it is to be no text."""

    text: str
    read: Callable[[str], object]
    is_null: bool = False


def settled(value: Any, type_: Any) -> object:
    """What a reader found, every scalar in it as the wire type wants it, without the properties
    that are null. In a map of texts null is a text, too, if it is `Written`."""
    return _settled(value, shape_of(type_))


def _settled(value: Any, shape: Shape) -> object:
    if isinstance(value, Written):
        return value.text if shape.is_text and not value.is_null else value.read(value.text)
    if isinstance(value, bool):
        return str(value).lower() if shape.is_text else value
    if isinstance(value, list):
        return [_settled(part, shape.items or _ANY) for part in value]
    if isinstance(value, dict):
        return _map(value, shape.values) if shape.values else _object(value, shape)
    return value


def _map(value: dict[str, Any], values: Shape) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, part in value.items():
        is_text = values.is_text and isinstance(part, Written)
        found[key] = part.text if is_text else _settled(part, values)
    return _present(found)


def _object(value: dict[str, Any], shape: Shape) -> dict[str, object]:
    """What is of no known kind may have whatever any of the kinds has."""
    kind = value.get("kind")
    if isinstance(kind, Written):
        kind = kind.text
    fields = (shape.of({"kind": kind}) or shape).fields
    return _present({key: _settled(part, fields.get(key, _ANY)) for key, part in value.items()})


def _present(values: dict[str, object]) -> dict[str, object]:
    return {key: part for key, part in values.items() if part is not None}


_ANY: Final = Shape()
