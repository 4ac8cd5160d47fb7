"""What in a request lets somebody in: credentials in URLs, found, taken out and put back.

A URL without them is as it was but for a user and password, which are gone, and for the values of
parameters that are credentials, which are empty: `https://ada:pw@host/x?id=1&token=abc` becomes
`https://host/x?id=1&token=`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import translate
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import unquote

import msgspec

T = TypeVar("T")

PARAMETERS: Final = (
    "*token*",
    "*signature*",
    "sig",
    "*[-_]sig",
    "sign",
    "*secret*",
    "*passw*",
    "pass",
    "pwd",
    "*credential*",
    "auth",
    "auth[-_]*",
    "*[-_]auth",
    "authz",
    "authorization",
    "bearer",
    "jwt",
    "hmac",
    "key",
    "*apikey*",
    "*api[-_]key*",
    "*access*key*",
    "*subscription-key",
    "key-pair-id",
    "googleaccessid",
    "*session[-_]*id",
    "*sessionid",
    "sessid",
    "phpsessid",
    "ticket",
    "rlkey",
    "tempauth",
)
"""Names of parameters whose values are credentials, as patterns: of S3, Google and Azure storage,
of OAuth and WLCG, of archives. Case does not matter."""

_FREE: Final = frozenset({"meta", "costs", "metrics", "phase", "schedule"})
"""Parts of a component that say nothing of how to get it."""

_SCHEME: Final = r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//"
_WHOLE: Final = re.compile(rf"\s*{_SCHEME}")
_WITHIN: Final = re.compile(rf"({_SCHEME})([^\s\"'<>`]*)")
_BARE: Final = re.compile(r"[^\s/@:]+:[^\s/@]+@(?!sha\d+:)(?=[A-Za-z0-9.-]+[:/])")
"""`user:password@host/...` where no scheme is needed; the digest of an image is none."""
_AUTHORITY: Final = re.compile(r"([^/?#]*)(.*)", re.DOTALL)
_PORT: Final = re.compile(r"(?:\[[^\]]*\]|[^:\[\]]*)(?::\d*)?")
_NAME: Final = r"([^=&;#?/\s]{1,200})="
_IN_PATH: Final = re.compile(rf"([/;]){_NAME}([^/;]*)")
_IN_QUERY: Final = re.compile(rf"([?&#;]){_NAME}((?:[^&#;]|;(?![\w.~-]+=))*)")
_IN_TEXT: Final = re.compile(rf"([?&](?:amp;)?){_NAME}([^&#\s\"'<>]*)")
_TURNS: Final = 3
"""So often a value may be escaped that has a URL of its own."""

Path = tuple[str | int, ...]


class Secret(msgspec.Struct, frozen=True, array_like=True):
    """The text at a place of a component, as it was sent."""

    path: Path
    text: str

    def __repr__(self) -> str:
        return f"Secret({self.path})"


class Hidden(NamedTuple):
    """Plain values without secrets, and what was taken out of them, by component key."""

    values: Any
    secrets: dict[str, tuple[Secret, ...]]


class Hiding:
    """What counts as a secret. `parameters` are patterns (`*` is anything) of parameter names."""

    def __init__(self, parameters: Iterable[str] = PARAMETERS) -> None:
        patterns = "|".join(translate(one.lower()) for one in parameters) or r"(?!)"
        self._named = re.compile(patterns)

    def text(self, text: str) -> str:
        """The text, whatever it is, without the secrets of URLs in it. Idempotent."""
        if "//" not in text and "=" not in text and "@" not in text:
            return text
        if start := _WHOLE.match(text):
            return start[0] + self._behind_slashes(text[start.end() :])
        if start := _BARE.match(text):
            text = text[start.end() :]
        text = _WITHIN.sub(lambda found: found[1] + self._behind_slashes(found[2]), text)
        return self._emptied(_IN_TEXT, text)

    def is_secret(self, text: str) -> bool:
        return self.text(text) != text

    def hide(self, values: Any) -> Hidden:
        """Of the plain values of a request. Not kept is what was in a name or a description."""
        found: dict[str, list[Secret]] = {}
        plain = self._plain(values, (), found)
        return Hidden(plain, {key: tuple(secrets) for key, secrets in found.items()})

    def _plain(self, value: Any, path: Path, found: dict[str, list[Secret]]) -> Any:
        if isinstance(value, str):
            clean = self.text(value)
            if clean != value and (place := _placed(path)) is not None:
                found.setdefault(place[0], []).append(Secret(place[1], value))
            return clean
        if isinstance(value, Mapping):
            return {
                self.text(key): self._plain(part, (*path, self.text(key)), found)
                for key, part in value.items()
            }
        if isinstance(value, Sequence):
            return [self._plain(part, (*path, index), found) for index, part in enumerate(value)]
        return value

    def _behind_slashes(self, rest: str) -> str:
        """What follows the `//` of a URL. Nothing of it where a password may be anywhere in it: its
        user or password has an unescaped delimiter."""
        parts = _AUTHORITY.fullmatch(rest)
        assert parts is not None, "the pattern matches every text"
        authority, tail = parts[1], parts[2]
        if "@" in tail and "@" not in authority and not _PORT.fullmatch(authority):
            return "..."
        host = authority.rpartition("@")[2]
        end = re.search(r"[?#]", tail)
        path, query = (tail[: end.start()], tail[end.start() :]) if end else (tail, "")
        path = self._emptied(_IN_PATH, path)
        query = self._emptied(_IN_QUERY, query)
        within = partial(_WITHIN.sub, lambda found: found[1] + self._behind_slashes(found[2]))
        return host + within(path) + within(query)

    def _emptied(self, pattern: re.Pattern[str], text: str) -> str:
        return pattern.sub(self._without_value, text)

    def _without_value(self, found: re.Match[str]) -> str:
        lead, name, value = found[1], found[2], found[3]
        is_secret = self._named.fullmatch(unquote(name).lower()) or self._has_url(value)
        return f"{lead}{name}=" if is_secret else found[0]

    def _has_url(self, value: str) -> bool:
        """Whether a value is, or has, a URL with a secret."""
        for _ in range(_TURNS):
            decoded = unquote(value)
            if decoded == value:
                return False
            value = decoded
            if self.is_secret(value):
                return True
        return False


def restored(component: T, secrets: Iterable[Secret]) -> T:
    """The component with its secrets. What is not where it was is left as it is."""
    values = msgspec.json.decode(msgspec.json.encode(component))
    for secret in secrets:
        *way, last = secret.path
        inside = values
        for step in way:
            inside = _at(inside, step)
        if isinstance(_at(inside, last), str):
            inside[last] = secret.text
    return msgspec.convert(values, type(component))


def _at(value: Any, step: str | int) -> Any:
    """A part of plain values; None where there is none."""
    try:
        return value[step]
    except (KeyError, IndexError, TypeError):
        return None


def _placed(path: Path) -> tuple[str, Path] | None:
    """The key of the component that the path of a request leads to, and the path within it."""
    match path:
        case ("executable", *rest):
            key = "executable"
        case ("data", int(index), *rest):
            key = f"data/{index}"
        case _:
            return None
    return None if not rest or rest[0] in _FREE else (key, tuple(rest))
