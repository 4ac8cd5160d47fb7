"""From wire structs to elements."""

import re
from typing import Any, Final

import msgspec
from lxml import etree

from execution_broker.formats.xml.naming import ITEM, PROBLEM, item_of, roots
from execution_broker.models.extensions import Problem

_NIL: Final = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_NO_CHARACTER: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Whatever is not a Char of XML 1.0."""


def write(value: Any) -> bytes:
    """A wire struct as a document. It says what the JSON of the struct says."""
    space = PROBLEM if isinstance(value, Problem) else None
    names: Any = {None: space} if space else None  # the stubs know no default namespace
    root = etree.Element(_name(roots(type(value))[0], space), None, names)
    _fill(root, value, msgspec.to_builtins(value, str_keys=True), space)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _fill(element: Any, value: msgspec.Struct, plain: dict[str, Any], space: str | None) -> None:
    """The properties of a struct. `plain` has those that are present, as they are on the wire."""
    tag = value.__struct_config__.tag
    if tag is not None:
        element.set("kind", str(tag))
    names = zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True)
    for name, key in names:
        if key in plain:
            child = etree.SubElement(element, _name(key, space))
            _put(child, getattr(value, name), plain[key], item_of(key), space)


def _put(element: Any, value: Any, plain: Any, item: str, space: str | None) -> None:
    match value:
        case msgspec.Struct():
            _fill(element, value, plain, space)
        case tuple():
            for part, plain_part in zip(value, plain, strict=True):
                child = etree.SubElement(element, _name(item, space))
                _put(child, part, plain_part, ITEM, space)
        case dict() if any(isinstance(one, msgspec.Struct) for one in value.values()):
            for key, one in value.items():
                child = etree.SubElement(element, _name(ITEM, space))
                child.set("name", _clean(key))
                _put(child, one, plain[key], ITEM, space)
        case dict():
            _put_map(element, plain)
        case _:
            element.text = _text(plain)


def _put_map(element: Any, values: dict[str, Any]) -> None:
    for key, value in values.items():
        child = etree.SubElement(element, ITEM)
        child.set("name", _clean(key))
        _put_untyped(child, value)


def _put_untyped(element: Any, value: Any) -> None:
    """A value that nothing but itself says the type of."""
    match value:
        case None:
            element.set(_NIL, "true")
        case str():
            element.text = _clean(value)
        case dict():
            element.set("type", "map")
            _put_map(element, value)
        case list() | tuple():
            element.set("type", "list")
            for part in value:
                _put_untyped(etree.SubElement(element, ITEM), part)
        case bool():
            element.set("type", "boolean")
            element.text = _text(value)
        case int():
            element.set("type", "integer")
            element.text = _text(value)
        case _:
            element.set("type", "number")
            element.text = _text(value)


def _text(value: Any) -> str:
    return _clean(value) if isinstance(value, str) else msgspec.json.encode(value).decode()


def _clean(text: str) -> str:
    return _NO_CHARACTER.sub("\ufffd", text)


def _name(name: str, space: str | None) -> str:
    return f"{{{space}}}{name}" if space else name
