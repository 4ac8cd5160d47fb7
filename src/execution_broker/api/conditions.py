"""What makes a call safe to repeat or to race: Idempotency-Key, If-Match, If-None-Match."""

import hashlib
import re
from typing import Final

import msgspec
from starlette.datastructures import Headers

from execution_broker.domain.errors import InvalidParameter
from execution_broker.domain.once import Once
from execution_broker.formats import FORMATS

KEY: Final = "Idempotency-Key"

_KEY: Final = re.compile(r'"([\x20\x21\x23-\x5b\x5d-\x7e]{1,255})"|([\x21\x23-\x7e]{1,255})')
_TAG: Final = re.compile(r'(W/)?"([^"]*)"')
_SUFFIXES: Final = tuple(f"-{format_.name}" for format_ in FORMATS)


def once(headers: Headers, path: str, values: object) -> Once | None:
    """The key that the client repeats this under, with a digest of what it sends.

    Two bodies are the same if they mean the same: spaces, order and format do not matter.
    """
    given = headers.getlist(KEY)
    if not given:
        return None
    found = _KEY.fullmatch(given[0].strip()) if len(given) == 1 else None
    if found is None:
        raise InvalidParameter(
            f"The {KEY} header is none.", "Send one of 1 to 255 printable ASCII characters."
        )
    text = msgspec.json.encode([path, values], order="deterministic")
    return Once(found[1] or found[2], hashlib.sha256(text).hexdigest())


def expected(headers: Headers) -> frozenset[str]:
    """The entity tags of which one must be that of the caller's view; none if any will do.

    Tags of any format stand for the same view. A weak one never holds (RFC 9110, 13.1.1).
    """
    given = ", ".join(headers.getlist("if-match")).strip()
    if given in ("", "*"):
        return frozenset()
    strong = (tag for weak, tag in _TAG.findall(given) if not weak)
    return frozenset(_bare(tag) for tag in strong) or frozenset({""})


def holds(if_none_match: str | None, tag: str) -> bool:
    """Whether an If-None-Match header names this (quoted) ETag."""
    if if_none_match is None:
        return False
    given = [part.strip().removeprefix("W/") for part in if_none_match.split(",")]
    return tag in given or "*" in given


def _bare(tag: str) -> str:
    for suffix in _SUFFIXES:
        tag = tag.removesuffix(suffix)
    return tag
