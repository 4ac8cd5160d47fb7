"""What a wire type wants of a value, as a tree that can be walked quickly beside the value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from msgspec import inspect


@dataclass(frozen=True, slots=True)
class Shape:
    """One of: an object with the `fields` of `struct`, an object of one of the `kinds` with the
    `fields` that any of them has, a list of `items`, a map of `values`, a text (`is_text`), or
    anything else. `is_leaf`: it has no properties that are known, nor has anything inside of it."""

    struct: type[Any] | None = None
    fields: Mapping[str, "Shape"] = field(default_factory=dict)
    kinds: Mapping[str, "Shape"] = field(default_factory=dict)
    items: "Shape | None" = None
    values: "Shape | None" = None
    is_text: bool = False
    is_leaf: bool = False

    def of(self, value: Mapping[str, Any]) -> "Shape | None":
        """The shape of this object: that of its kind, if it has one. None if nobody knows its kind.
        What can be of one kind alone need not say it."""
        if not self.kinds:
            return self
        kind = value.get("kind")
        if isinstance(kind, str):
            return self.kinds.get(kind)
        return next(iter(self.kinds.values())) if len(self.kinds) == 1 else None


@cache
def shape_of(type_: Any) -> Shape:
    """The shape of a wire type, or of a union of some."""
    return _shape(inspect.type_info(type_))


_TEXT = Shape(is_text=True, is_leaf=True)
_OTHER = Shape(is_leaf=True)


def _shape(type_: inspect.Type) -> Shape:
    match type_:
        case inspect.StructType(tag=None):
            return _object(type_)
        case inspect.StructType():
            return _of_kinds([type_])
        case inspect.UnionType(types=types):
            return _union([one for one in types if not isinstance(one, inspect.NoneType)])
        case inspect.VarTupleType(item_type=item_type):
            items = _shape(item_type)
            return Shape(items=items, is_leaf=items.is_leaf)
        case inspect.DictType(value_type=value_type):
            values = _shape(value_type)
            return Shape(values=values, is_leaf=values.is_leaf)
        case inspect.StrType():
            return _TEXT
        case _:
            return _OTHER


def _union(members: list[inspect.Type]) -> Shape:
    if len(members) == 1:
        return _shape(members[0])
    structs = [one for one in members if isinstance(one, inspect.StructType)]
    assert len(structs) == len(members), "the wire has unions of objects alone"
    return _of_kinds(structs)


def _of_kinds(structs: list[inspect.StructType]) -> Shape:
    kinds = {str(one.tag): _object(one) for one in structs}
    fields = {name: inner for one in kinds.values() for name, inner in one.fields.items()}
    return Shape(kinds=kinds, fields=fields)


def _object(type_: inspect.StructType) -> Shape:
    fields = {one.encode_name: _shape(one.type) for one in type_.fields}
    if type_.tag is not None:
        fields = {str(type_.tag_field): _TEXT, **fields}
    return Shape(struct=type_.cls, fields=fields)
