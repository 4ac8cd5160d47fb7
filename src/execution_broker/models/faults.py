"""Every fault of a value that is not of its wire type, each with its place."""

from collections.abc import Iterator, Mapping
from itertools import islice
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin

import msgspec

from execution_broker.models.extensions import Fault

MOST: Final = 100
"""So many faults of one value are enough to mend it."""
SURPLUS: Final = "not known"
"""The fault of a key that is not among those there are."""


def faults(value: object, type_: Any, place: str, *, strict: bool = True) -> list[Fault]:
    """What is wrong with a value; nothing if it is of its type. Not `strict`: text may stand for a
    number."""
    return list(islice(_faults(value, type_, place, strict=strict), MOST))


def _faults(value: object, type_: Any, place: str, *, strict: bool) -> Iterator[Fault]:
    try:
        msgspec.convert(value, type=type_, strict=strict)
    except msgspec.ValidationError as error:
        inner = islice(_inner(value, type_, place, strict=strict), MOST)
        first = next(inner, None)
        if first is None:
            text, _, path = str(error).partition(" - at `$")
            yield Fault(place=place + path.rstrip("`"), fault=text)
        else:
            yield first
            yield from inner


def _inner(value: object, type_: Any, place: str, *, strict: bool) -> Iterator[Fault]:
    """The faults of the parts, those first that should not be there."""
    for name in _surplus(value, type_):
        yield Fault(place=f"{place}.{name}".removeprefix("."), fault=SURPLUS)
    for part, part_type, name in _parts(value, type_):
        yield from _faults(part, part_type, f"{place}{name}", strict=strict)


def _surplus(value: object, type_: Any) -> list[str]:
    """The keys that a struct which takes no others has not."""
    if not (isinstance(type_, type) and issubclass(type_, msgspec.Struct)):
        return []
    if not (type_.__struct_config__.forbid_unknown_fields and isinstance(value, Mapping)):
        return []
    return sorted(set(value) - set(type_.__struct_encode_fields__))


def _parts(value: object, type_: Any) -> Iterator[tuple[object, Any, str]]:
    """What a value is made of, with the type that each should have and its place."""
    origin, arguments = get_origin(type_), get_args(type_)
    if origin in (UnionType, Union):
        if (member := _member(value, type_)) is not None:
            yield value, member, ""
    elif isinstance(value, list | tuple) and origin is tuple:
        for index, item in enumerate(value):
            yield item, arguments[0], f"[{index}]"
    elif isinstance(value, Mapping):
        if origin is dict:
            yield from ((item, arguments[1], f".{key}") for key, item in value.items())
        elif isinstance(type_, type) and issubclass(type_, msgspec.Struct):
            for field in msgspec.structs.fields(type_):
                if field.encode_name in value:
                    yield value[field.encode_name], field.type, f".{field.encode_name}"


def _member(value: object, union: Any) -> Any:
    """The member of a union that the value is meant to be, if that is known."""
    members = [member for member in get_args(union) if member is not NoneType]
    if len(members) == 1:
        return members[0]
    kind = value.get("kind") if isinstance(value, Mapping) else None
    structs = [one for one in members if isinstance(one, type) and issubclass(one, msgspec.Struct)]
    return next((one for one in structs if one.__struct_config__.tag == kind), None)
