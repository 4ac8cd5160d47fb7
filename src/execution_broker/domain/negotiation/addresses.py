"""Locations as they are judged, and as they may be shown."""

import re
from typing import Final
from urllib.parse import unquote, urlsplit

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_HUB: Final = "docker.io"


def scheme_of(location: str) -> str:
    found = _SCHEME.match(location)
    return found[1].lower() if found else "none"


def without_secrets(location: str) -> str:
    """A URL without user and query: either may hold a secret, and answers are public."""
    try:
        parts = urlsplit(location)
    except ValueError:
        return "its location"
    if not parts.scheme or not parts.netloc:
        return location.partition("?")[0].rpartition("@")[2] if "://" in location else location
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def plain(location: str) -> str:
    """The location with scheme and host in lower case, as both mean the same."""
    scheme, mark, rest = location.partition("://")
    if not mark:
        return location
    end = re.search(r"[/?#\\]", rest)
    host = rest[: end.start()] if end else rest
    return f"{scheme.lower()}://{host.lower()}{rest[len(host) :]}"


def climbs(location: str) -> bool:
    """Whether it has `..` in its path, however that is written."""
    return ".." in re.split(r"[/\\]", unquote(unquote(location)))


def image_name(location: str) -> str:
    """The full name of a Docker image: with its registry, as Docker itself completes it."""
    name = location.removeprefix("docker://")
    if "://" in name:
        return plain(name)
    registry, slash, rest = name.partition("/")
    if slash and ("." in registry or ":" in registry or registry == "localhost"):
        return f"{registry.lower()}/{rest}"
    return f"{_HUB}/{name}" if slash else f"{_HUB}/library/{name}"
