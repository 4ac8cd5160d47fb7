"""From elements to plain values, led by the wire types: XML has no types of its own.

A value that is not of its type stays text, so that the models name the fault and its place.
"""

import math
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from msgspec import inspect

from execution_broker.domain.errors import InvalidBody
from execution_broker.formats.xml.naming import ITEM, item_of, roots
from execution_broker.formats.xml.tree import Node, malformed, parse
from execution_broker.models.extensions import Fault

_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,4000}", re.ASCII)
_NUMBER: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}


def read(data: bytes, type_: Any) -> object:
    """The plain values of an XML document that stands for a wire type, or a union of some.

    MalformedBody if it is no document that is read here, InvalidBody if it stands for another.
    """
    root = parse(data)
    expected = roots(type_)
    if root.name not in expected:
        fault = f"Expected the element <{expected[0]}>, got <{root.name}>"
        raise InvalidBody((Fault(place="$", fault=fault),))
    return _value(root, _described(type_))


@cache
def _described(type_: Any) -> inspect.Type:
    return inspect.type_info(type_)


def _value(node: Node, type_: inspect.Type) -> object:
    match type_:
        case inspect.StructType():
            return _struct(node, type_)
        case inspect.UnionType():
            return _union(node, type_)
        case inspect.DictType(value_type=value_type):
            return _map(node, value_type)
        case inspect.AnyType():
            return _untyped(node)
        case inspect.VarTupleType(item_type=item_type):
            return [_value(child, item_type) for child in node.children]
        case _:
            return {} if node.children else _scalar(node.text, type_)


def _union(node: Node, type_: inspect.UnionType) -> object:
    members = [one for one in type_.types if not isinstance(one, inspect.NoneType)]
    if len(members) == 1:
        return _value(node, members[0])
    kind = _kind(node)
    for member in members:
        if isinstance(member, inspect.StructType) and member.tag == kind:
            return _struct(node, member)
    return _leaf_or({} if kind is None else {"kind": kind}, node)


def _struct(node: Node, type_: inspect.StructType) -> object:
    """Text alone stays text. Of unknown elements and attributes the names are kept, so that they
    are told as unknown properties are; nothing is in them that could be read."""
    fields = {one.encode_name: one.type for one in type_.fields}
    values: dict[str, Any] = {}
    unknown = [f"@{name}" for name in node.others]
    for child in node.children:
        if child.is_nil:
            continue
        key = child.name if child.name in fields else _list_of(child.name, fields)
        if key is None:
            unknown.append(child.name)
        elif (item_type := _item_type(fields[key])) is not None:
            values.setdefault(key, []).extend(_items(child, key, item_type))
        elif key in values:
            raise malformed(f"<{node.name}> has the element <{key}> twice")
        else:
            values[key] = _value(child, fields[key])
    kind = _kind(node) if type_.tag is not None else node.kind
    if kind is not None and (type_.tag is not None or "kind" in fields):
        values["kind"] = kind
    for name in unknown:
        values.setdefault(name, "")
    return _leaf_or(values, node)


def _leaf_or(values: dict[str, Any], node: Node) -> object:
    """The values of an object; the text of an element that holds nothing else."""
    return node.text if not node.children and node.text.strip() else values


def _kind(node: Node) -> str | None:
    if node.kind is not None:
        return node.kind.strip()
    return next((child.text.strip() for child in node.children if child.name == "kind"), None)


def _list_of(name: str, fields: Mapping[str, inspect.Type]) -> str | None:
    """The list that an item of this name belongs to, where it stands without a wrapper."""
    if name == ITEM:
        return None
    return next((key for key in fields if item_of(key) == name), None)


def _item_type(type_: inspect.Type) -> inspect.Type | None:
    """The type of the items of a list; None for what is none."""
    return type_.item_type if isinstance(type_, inspect.VarTupleType) else None


def _items(node: Node, key: str, item_type: inspect.Type) -> Iterator[object]:
    """The items in a wrapper; or the one item that the element is, where there is no wrapper."""
    if _is_wrapper(node, key, item_type):
        for child in node.children:
            yield None if child.is_nil else _value(child, item_type)
    else:
        yield _value(node, item_type)


def _is_wrapper(node: Node, key: str, item_type: inspect.Type) -> bool:
    if node.name != key or node.kind is not None or node.text.strip():
        return False
    if not all(child.name in (ITEM, item_of(key), key) for child in node.children):
        return False
    # <messages><message>text</message></messages>: a message, whose text is called so too.
    return not (
        isinstance(item_type, inspect.StructType)
        and any(child.name != ITEM and child.text.strip() for child in node.children)
    )


def _map(node: Node, type_: inspect.Type) -> object:
    """`<item name="K">`, and also `<K>`: so do writers that know no rule for maps."""
    found: dict[str, object] = {}
    for child in node.children:
        key = child.name if child.key is None else child.key
        if key in found:
            raise malformed(f"<{node.name}> has the key {key!r} twice")
        found[key] = _value(child, type_)
    return _leaf_or(found, node)


def _untyped(node: Node) -> object:
    """A value that says its type itself; text or a map if it does not."""
    if node.is_nil:
        return None
    match node.type:
        case "list":
            return [_untyped(child) for child in node.children]
        case "map":
            return _map(node, inspect.AnyType())
        case "integer":
            return _scalar(node.text, inspect.IntType())
        case "number":
            return _scalar(node.text, inspect.FloatType())
        case "boolean":
            return _scalar(node.text, inspect.BoolType())
        case _:
            return _map(node, inspect.AnyType()) if node.children else node.text


def _scalar(text: str, type_: inspect.Type) -> object:
    match type_:
        case inspect.StrType():
            return text
        case inspect.IntType() if _INTEGER.fullmatch(text.strip()):
            return int(text)
        case inspect.FloatType() if _NUMBER.fullmatch(text.strip()):
            number = float(text)
            return number if math.isfinite(number) else text
        case inspect.BoolType():
            return _BOOLEANS.get(text.strip(), text)
        case _:
            return text.strip()
