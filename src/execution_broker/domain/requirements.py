"""Requirements of a notebook: what they may be, and the name of a set of them."""

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Final

_NAME: Final = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_EXTRAS: Final = r"\[[A-Za-z0-9._, -]*\]"
_VERSION: Final = r"(?:===?|[<>!~]=|[<>])\s*[A-Za-z0-9.*+!_-]+"
_REQUIREMENT: Final = re.compile(
    rf"{_NAME}\s*(?:{_EXTRAS})?\s*(?:{_VERSION}(?:\s*,\s*{_VERSION})*)?\s*(?:;[^@/\\\n\r\0]*)?"
)


def is_requirement(text: str) -> bool:
    """Whether it names a package of an index, its extras and versions: no path, no address, no
    option of an installer."""
    return len(text) <= 200 and _REQUIREMENT.fullmatch(text.strip()) is not None


def requirements_key(requirements: Sequence[str]) -> str:
    """The same for the same set of requirements, in whatever order they come."""
    wanted = sorted({text.strip() for text in requirements})
    return hashlib.sha256(json.dumps(wanted).encode()).hexdigest()[:32]
