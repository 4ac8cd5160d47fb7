"""YAML bodies: the JSON of them. Scalars of the YAML 1.2 core schema only, no references, no tags.

So `NO` and `2027-01-01` are text, as in JSON, and what is written reads the same under YAML 1.1.
"""

import math
import re
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import msgspec
import yaml

from execution_broker.domain.errors import MalformedBody
from execution_broker.formats.limits import DEPTH
from execution_broker.formats.texts import Written, settled

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL: Final = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INT: Final = re.compile(r"[-+]?[0-9]+", re.ASCII)
_OCTAL: Final = re.compile(r"0o[0-7]+")
_HEX: Final = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_NOT_FINITE: Final = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")

_NO_CHARACTER: Final = re.compile("[\0\ud800-\udfff]")

_MISREAD: Final = re.compile(
    r"[-+]?\.?[0-9].*|[-+]?\.(inf|nan)|y|n|yes|no|on|off|true|false|null|~|=|<<|",
    re.IGNORECASE | re.DOTALL,
)
"""Text that some reader of YAML 1.1 or 1.2 would take for something else."""


def read(data: bytes, type_: Any = Any) -> object:
    """The plain value of a YAML text, without the properties that are null. Where this wire type
    wants text, every scalar is the text that was written.

    MalformedBody for several documents, anchors, aliases, tags, duplicate keys, keys that are not
    scalars, numbers that are not finite, and too much depth. Every key is text.
    """
    try:
        return settled(_Reader(data.decode("utf-8-sig")).document(), type_)
    except UnicodeDecodeError as error:
        raise MalformedBody(f"The body is not UTF-8: {error.reason}.", "Send UTF-8.") from None
    except yaml.MarkedYAMLError as error:
        raise _malformed(error.problem or "it cannot be read", error.problem_mark) from None
    except yaml.YAMLError:
        raise _malformed("it has a character that YAML does not allow", None) from None


def write(value: object) -> bytes:
    """Block style, in the order given, every text that might be misread in quotes."""
    plain = msgspec.to_builtins(value, str_keys=True)
    text: str = yaml.dump(
        plain,
        Dumper=_Writer,
        default_flow_style=False,
        sort_keys=False,
        allow_unicode=True,
        width=1 << 20,
    )
    return text.encode()


class _Reader:
    """Builds the value from the parser's events, so that nothing is ever expanded. What plain
    scalars are is left open."""

    def __init__(self, text: str) -> None:
        self._events: Iterator[Any] = iter(yaml.parse(text, Loader=_Loader))

    def document(self) -> object:
        next(self._events)
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return None
        value = self._value(next(self._events), 0)
        next(self._events)
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise _malformed("it has more than one document", after.start_mark)
        return value

    def _value(self, event: Any, depth: int) -> object:
        _refuse_references(event)
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event)
        if depth >= DEPTH:
            raise _malformed(f"it nests deeper than {DEPTH} levels", event.start_mark)
        if isinstance(event, yaml.SequenceStartEvent):
            return [self._value(item, depth + 1) for item in self._until(yaml.SequenceEndEvent)]
        return self._mapping(depth + 1)

    def _mapping(self, depth: int) -> dict[str, object]:
        found: dict[str, object] = {}
        for event in self._until(yaml.MappingEndEvent):
            _refuse_references(event)
            if not isinstance(event, yaml.ScalarEvent):
                raise _malformed("it has a key that is no text", event.start_mark)
            key = _text(event)
            if key in found:
                raise _malformed(f"it has the key {key!r} twice in one mapping", event.start_mark)
            found[key] = self._value(next(self._events), depth)
        return found

    def _until(self, end: type) -> Iterator[Any]:
        for event in self._events:
            if isinstance(event, end):
                return
            yield event


def _refuse_references(event: Any) -> None:
    if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
        raise _malformed("anchors and aliases are not allowed", event.start_mark)
    if event.tag is not None:
        raise _malformed("tags are not allowed", event.start_mark)


def _scalar(event: Any) -> object:
    text = _text(event)
    is_plain, _ = event.implicit
    if not is_plain:
        return text
    return Written(text, partial(_plain, mark=event.start_mark), is_null=text in _NULL)


def _plain(text: str, mark: Any) -> object:
    """What a plain scalar is by the core schema."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _NOT_FINITE.fullmatch(text):
        raise _malformed("it has a number that is not finite", mark)
    try:
        return _number(text)
    except ValueError:
        raise _malformed("it has a number out of range", mark) from None


def _number(text: str) -> object:
    """The number, or the text if it is none; ValueError if it is too large to be one."""
    if _INT.fullmatch(text):
        return int(text)
    if _OCTAL.fullmatch(text):
        return int(text[2:], 8)
    if _HEX.fullmatch(text):
        return int(text[2:], 16)
    if not _FLOAT.fullmatch(text):
        return text
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _text(event: Any) -> str:
    text: str = event.value
    if _NO_CHARACTER.search(text):
        raise _malformed("it has text with a character that is none", event.start_mark)
    return text


def _malformed(problem: str, mark: Any) -> MalformedBody:
    place = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
    return MalformedBody(
        f"The body is not YAML as it is read here: {problem}{place}.",
        "Send one document of plain mappings, sequences and scalars, in UTF-8.",
    )


class _Writer(_Dumper):  # type: ignore[misc]
    def ignore_aliases(self, data: object) -> bool:
        return True


def _represent_text(writer: Any, text: str) -> Any:
    style = '"' if _MISREAD.fullmatch(text) else None
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Writer.add_representer(str, _represent_text)
