"""Takes secrets out of what is about to be logged: the last line of defence, not the first.

Nothing here hands a secret to the log on purpose; a library's message or an address of a user's
may hold one all the same.
"""

import logging
import re
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

HIDDEN: Final = "(hidden)"

_KEYS: Final = re.compile(r"authorization|password|passwd|secret|token|cookie|credential", re.I)
_PATTERNS: Final = (
    (re.compile(r"\b(basic|bearer)(\s+)[A-Za-z0-9+/=._~-]{6,}", re.I), rf"\1\2{HIDDEN}"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"), HIDDEN),
    (re.compile(r"(://)[^\s/@?#]+@"), rf"\1{HIDDEN}@"),
    (
        re.compile(
            r"([?&;][\w.-]*(?:token|secret|passw|signature|credential|key)[\w.-]*=)[^\s&;\"'<>]+",
            re.I,
        ),
        rf"\1{HIDDEN}",
    ),
    (
        re.compile(
            r"(\b[\w-]*(?:token|secret|password|passwd)[\"']?\s*[=:]\s*)[\"']?[^\s,;\"'}]+", re.I
        ),
        rf"\1{HIDDEN}",
    ),
)


def redact(_logger: object, _method: str, line: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """A processor of structlog: hides values by their keys, and what has the form of a secret."""
    return {key: _value(key, value) for key, value in line.items()}


def redact_text(text: str) -> str:
    """The text without credentials of HTTP, tokens, passwords in addresses and in parameters."""
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text


class RedactingFormatter(logging.Formatter):
    """The same for lines of the standard library's logging, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        return redact_text(super().format(record))


def _value(key: str, value: Any) -> Any:
    if _KEYS.search(key) and value is not None and not isinstance(value, bool):
        return HIDDEN
    match value:
        case str():
            return redact_text(value)
        case bytes():
            return redact_text(value.decode("utf-8", "replace"))
        case Mapping():
            return {name: _value(str(name), part) for name, part in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_value("", part) for part in value]
        case BaseException():
            return redact_text(f"{type(value).__name__}: {value}")
        case _:
            return value
