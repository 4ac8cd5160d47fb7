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
_WORD: Final = re.compile(r"[^\s\"'<>`]+")
_BARE: Final = re.compile(r"[^\s/@:]+:[^\s/@]+@(?!sha\d+:)(?=[A-Za-z0-9.-]+[:/])")
"""`user:password@host/...` where no scheme is needed; the digest of an image is none."""
_AUTHORITY: Final = re.compile(r"//([^/?#]*)")
_PORT: Final = re.compile(r"(?:\[[^\]]*\]|[^:\[\]]*)(?::\d*)?")
_NAME: Final = r"([^=&;#?/\s]{1,200})="
_IN_PATH: Final = re.compile(rf"([/;]){_NAME}([^/;]*)")
_IN_QUERY: Final = re.compile(rf"([?&#;]){_NAME}((?:[^&#;]|;(?![\w.~-]+=))*)")
_IN_TEXT: Final = re.compile(rf"([?&](?:amp;)?){_NAME}([^&#]*)")
_DEPTH: Final = 3
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
    """What counts as a secret. `parameters` are patterns (`*` is anything) of parameter names.
    `mark`: what stands for a secret afterwards."""

    def __init__(self, parameters: Iterable[str] = PARAMETERS, mark: str = "") -> None:
        patterns = "|".join(translate(one.lower()) for one in parameters) or r"(?!)"
        self._named = re.compile(patterns)
        self._mark = mark
        self._user = mark and f"{mark}@"

    def text(self, text: str) -> str:
        """The text, whatever it is, without the secrets of URLs in it. What begins as a URL is one
        to its end, spaces included. Idempotent, and takes time in proportion to the length."""
        return self._text(text, _DEPTH)

    def prose(self, text: str) -> str:
        """Sentences without the secrets of URLs in them, which end at a space."""
        return _WORD.sub(lambda word: self._word(word[0], _DEPTH), text)

    def is_secret(self, text: str) -> bool:
        return self.text(text) != text

    def hide(self, values: Any) -> Hidden:
        """Of the plain values of a request. Not kept is what was in a name or a description."""
        if not _may_have_secrets(values):
            return Hidden(values, {})
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

    def _text(self, text: str, depth: int) -> str:
        if not _may_have_secrets(text):
            return text
        if _WHOLE.match(text):
            return self._word(text, depth)
        if start := _BARE.match(text):
            text = self._user + text[start.end() :]
        return _WORD.sub(lambda word: self._word(word[0], depth), text)

    def _word(self, word: str, depth: int) -> str:
        """One URL, or something else that has no spaces."""
        if "@" in word:
            word = self._without_users(word)
        if "=" not in word:
            return word
        empty = partial(self._without_value, depth=depth)
        if "//" not in word:
            return _IN_TEXT.sub(empty, word)
        end = re.search(r"[?#]", word)
        path, query = (word[: end.start()], word[end.start() :]) if end else (word, "")
        return _IN_PATH.sub(empty, path) + _IN_QUERY.sub(empty, query)

    def _without_users(self, word: str) -> str:
        """Without the user and password of any URL in it. Where a password has an unescaped
        delimiter it may be anywhere behind it: then nothing of that is left."""
        kept, done, last = [], 0, word.rindex("@")
        for found in _AUTHORITY.finditer(word):
            _, at, host = found[1].rpartition("@")
            if at:
                kept += [word[done : found.start()], "//", self._user, host]
                done = found.end()
            elif found.end() <= last and not _PORT.fullmatch(host):
                return "".join([*kept, word[done : found.start()], "//..."])
        return "".join([*kept, word[done:]])

    def _without_value(self, found: re.Match[str], depth: int) -> str:
        lead, name, value = found[1], found[2], found[3]
        is_secret = self._named.fullmatch(unquote(name).lower()) or self._has_url(value, depth)
        return f"{lead}{name}={self._mark}" if is_secret and value else found[0]

    def _has_url(self, value: str, depth: int) -> bool:
        """Whether an escaped value is, or has, a URL with a secret."""
        decoded = unquote(value)
        if depth == 0 or decoded == value:
            return False
        return self._text(decoded, depth - 1) != decoded or self._has_url(decoded, depth - 1)


DEFAULT: Final = Hiding()


def restored(component: T, secrets: Iterable[Secret]) -> T:
    """The component with its secrets. What is not where it was is left as it is."""
    secrets = tuple(secrets)
    if not secrets:
        return component
    values = msgspec.json.decode(msgspec.json.encode(component))
    for secret in secrets:
        *way, last = secret.path
        inside = values
        for step in way:
            inside = _at(inside, step)
        if isinstance(_at(inside, last), str):
            inside[last] = secret.text
    return msgspec.convert(values, type(component))


def _may_have_secrets(value: Any) -> bool:
    """False where no text has what a user, or a parameter, in a URL has."""
    if isinstance(value, str):
        return "@" in value or "=" in value
    if isinstance(value, dict):
        return any(map(_may_have_secrets, value)) or any(map(_may_have_secrets, value.values()))
    return isinstance(value, list | tuple) and any(map(_may_have_secrets, value))


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
