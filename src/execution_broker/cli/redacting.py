"""Takes secrets out of what is about to be logged: the last line of defence, not the first.

Nothing here hands a secret to the log on purpose; a library's message or an address of a user's
may hold one all the same.
"""

import re
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, Final

from execution_broker.models.secrets import PARAMETERS, Hiding

HIDDEN: Final = "(hidden)"

_KEYS: Final = re.compile(r"authorization|password|passwd|secret|token|cookie|credential", re.I)
_PATTERNS: Final = (
    (re.compile(r"\b(basic|bearer)(\s+)[A-Za-z0-9+/=._~-]{6,}", re.I), rf"\1\2{HIDDEN}"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"), HIDDEN),
    (
        re.compile(
            r"(\b[\w-]*(?:token|secret|password|passwd)[\"']?\s*[=:]\s*)[\"']?[^\s,;\"'}]+", re.I
        ),
        rf"\1{HIDDEN}",
    ),
)


_HARMLESS: Final = re.compile(r"[\w.:/{}+-]{0,120}", re.ASCII)
"""Has no query, no password before an @ and no white space: only a token could be in it."""


class Redaction:
    """`parameters` of URLs are secret that a site has said are."""

    def __init__(self, parameters: Iterable[str] = PARAMETERS) -> None:
        self._hiding = Hiding(parameters, HIDDEN)

    def __call__(
        self, _logger: object, _method: str, line: MutableMapping[str, Any]
    ) -> Mapping[str, Any]:
        """A processor of structlog: hides values by their keys, and what has the form of a
        secret."""
        return {key: self._value(key, value) for key, value in line.items()}

    def text(self, text: str) -> str:
        """The text without credentials of HTTP, tokens, passwords in addresses and in
        parameters."""
        if _HARMLESS.fullmatch(text) and "eyJ" not in text:
            return text
        text = self._hiding.prose(text)
        for pattern, instead in _PATTERNS:
            text = pattern.sub(instead, text)
        return text

    def _value(self, key: str, value: Any) -> Any:
        if _KEYS.search(key) and value is not None and not isinstance(value, bool):
            return HIDDEN
        match value:
            case str():
                return self.text(value)
            case bytes():
                return self.text(value.decode("utf-8", "replace"))
            case Mapping():
                return {name: self._value(str(name), part) for name, part in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self._value("", part) for part in value]
            case BaseException():
                return self.text(f"{type(value).__name__}: {value}")
            case _:
                return value
