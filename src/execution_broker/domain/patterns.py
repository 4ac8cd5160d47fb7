"""Patterns that an operator writes for locations, images and names.

`*` stands for anything within one part of a location (none of `/ ? # @ \\`), `**` for anything at
all. Everything else stands for itself.
"""

import re
from collections.abc import Iterable
from functools import cache
from typing import Final

_WILD: Final = {"**": ".*", "*": r"[^/?#@\\]*"}


def matches(pattern: str, text: str) -> bool:
    """Whether the whole text is as the pattern says."""
    return _compiled(pattern, re.DOTALL).fullmatch(text) is not None


def matches_any(patterns: Iterable[str], text: str) -> bool:
    return any(matches(pattern, text) for pattern in patterns)


def matches_any_case(patterns: Iterable[str], text: str) -> bool:
    """Like `matches_any`, upper and lower case being the same: for what is forbidden."""
    flags = re.DOTALL | re.IGNORECASE
    return any(_compiled(pattern, flags).fullmatch(text) for pattern in patterns)


@cache
def _compiled(pattern: str, flags: re.RegexFlag) -> re.Pattern[str]:
    parts = re.split(r"(\*\*|\*)", pattern)
    return re.compile("".join(_WILD.get(part, re.escape(part)) for part in parts), flags)
