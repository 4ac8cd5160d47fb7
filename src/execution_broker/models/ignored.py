"""Properties of a request that no wire type has. The standard has them accepted, and they do
nothing: whoever sent one is told, as it may have been meant for another."""

from collections import deque
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final

from execution_broker.models.base import Wire
from execution_broker.models.executable import Checks
from execution_broker.models.execution import ExecutionRequest
from execution_broker.models.shape import Shape, shape_of

MOST: Final = 20
"""So many are named; of the rest it is told how many there are."""

_LENGTH: Final = 60
_CUT: Final = "..."
_LIKE: Final = 0.65
"""How like another a key must be, from 0 to 1, to be taken for a misspelling of it."""

_SHORTEST: Final = 3
"""The letters of the shortest key that is taken for the beginning of another."""

_VERIFYING: Final = frozenset(
    (
        *("check", "checks", "checksum", "checksums", "digest", "hash"),
        *("adler32", "crc32", "md5", "sha1", "sha224", "sha256", "sha384", "sha512"),
    )
)
"""What properties are called, anywhere, that want content to be verified."""


class UnknownProperty(Wire, frozen=True):
    """`place` is that of the property (`compute.corez`), `nearest` that of the one which may have
    been meant, where there is one; `known` are those that its object can have. `is_check`: with it
    content was to be verified. `is_cut`: the place has keys that were too long."""

    place: str
    known: tuple[str, ...] = ()
    nearest: str | None = None
    is_check: bool = False
    is_cut: bool = False


class Ignored(Wire, frozen=True):
    """Those that are named, checks first, and how many more there are."""

    named: tuple[UnknownProperty, ...] = ()
    more: int = 0


NOTHING: Final = Ignored()

_Level = tuple[Any, str | int, Any, Shape]  # no NamedTuple: one is made for each object
"""A value on the way down: the level above it, its key or index there, itself, and its shape."""


def find_ignored(request: object) -> Ignored:
    """What a request has that its wire types have not. What is not of its type is not looked into,
    nor is what is of an unknown kind."""
    found: list[tuple[_Level, str]] = []
    _look(None, "", request, shape_of(ExecutionRequest), found)
    if not found:
        return NOTHING
    first = sorted(found, key=lambda one: not _is_check(*one))[:MOST]
    named = tuple(_named(level, key) for level, key in first)
    return Ignored(named=named, more=len(found) - len(named))


def _look(
    above: _Level | None, key: str | int, value: Any, shape: Shape, found: list[tuple[_Level, str]]
) -> None:
    """On the way of every request: does no more than it must."""
    if isinstance(value, dict):
        own = shape.of(value) if shape.kinds else shape
        if own is None or own.items is not None:
            return
        here = (above, key, value, own)
        fields, values = own.fields, own.values
        for name, part in value.items():
            inner = values or fields.get(name)
            if inner is None:
                found.append((here, name))
            elif not inner.is_leaf:
                _look(here, name, part, inner, found)
    elif isinstance(value, list) and shape.items is not None:
        whole: _Level = (above, key, value, shape)
        for index, part in enumerate(value):
            _look(whole, index, part, shape.items, found)


def _is_check(level: _Level, key: str) -> bool:
    return level[3].struct is Checks or _plain(key) in _VERIFYING


def _named(level: _Level, key: str) -> UnknownProperty:
    place = _place(level, key)
    return UnknownProperty(
        place=place,
        known=tuple(level[3].fields),
        nearest=_nearest(level, _plain(key)),
        is_check=_is_check(level, key),
        is_cut=_CUT in place,
    )


def _nearest(level: _Level, word: str) -> str | None:
    """Of the same name in the object or below it, else like one of its own, else of the same name
    further away. Of the whole request, all that is below it counts as its own."""
    same = _same(level, word)
    if same is not None:
        return same
    if level[0] is None:
        own = {_plain(name): place for place, name in reversed([*_below(level)])}
    else:
        own = {_plain(name): _place(level, name) for name in level[3].fields}
    like = _like(word, own)
    if like is not None:
        return own[like]
    above = level[0]
    while above is not None:
        same = _same(above, word)
        if same is not None:
            return same
        above = above[0]
    return None


def _same(level: _Level, word: str) -> str | None:
    return next((place for place, name in _below(level) if _plain(name) == word), None)


def _like(word: str, names: Collection[str]) -> str | None:
    """The name that a word is a misspelling, the beginning or a lengthening of."""
    for like in get_close_matches(word, names, n=1, cutoff=_LIKE):
        return like
    for name in names:
        if min(len(word), len(name)) >= _SHORTEST and name.startswith(word[: len(name)]):
            return name
    return None


def _below(level: _Level) -> Iterator[tuple[str, str]]:
    """The properties that an object, and the objects in it, can have, the nearest ones first: the
    place and name of each. What is in lists and maps is not among them."""
    waiting = deque([level])
    while waiting:
        here = waiting.popleft()
        value = here[2] if isinstance(here[2], Mapping) else {}
        shape = here[3].of(value)
        for name, inner in shape.fields.items() if shape else ():
            yield _place(here, name), name
            if not inner.is_leaf:
                waiting.append((here, name, value.get(name), inner))


def _place(level: _Level, key: str) -> str:
    """`data[0].checks.sha1`, with keys that are too long cut short."""
    parts = [_short(key)]
    here: Any = level
    while here is not None:
        above, name, _, _ = here
        if isinstance(name, int):
            parts.append(f"[{name}]")
        elif name:
            parts.append(_short(name))
        here = above
    return ".".join(reversed(parts)).replace(".[", "[")


def _short(key: str) -> str:
    return key if len(key) <= _LENGTH else key[:_LENGTH] + _CUT


def _plain(key: str) -> str:
    """The letters and digits that tell a key from another."""
    return key[:_LENGTH].casefold().replace("_", "").replace("-", "")
