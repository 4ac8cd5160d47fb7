"""Digests as clients write them: one rule for what is accepted, and for what is compared."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple


class _Form(NamedTuple):
    """How many hexadecimal digits: leading zeros may be left out, down to the least."""

    least: int
    most: int


_FORMS: Final[Mapping[str, _Form]] = {
    "sha256": _Form(64, 64),
    "md5": _Form(32, 32),
    "adler32": _Form(1, 8),
}
ALGORITHMS: Final = tuple(_FORMS)


def read_digest(algorithm: str, text: str) -> str:
    """The digest in lower case with all its digits. ValueError says what such a digest is."""
    least, most = _FORMS[algorithm]
    if not re.fullmatch(f"[0-9a-fA-F]{{{least},{most}}}", text):
        digits = str(most) if least == most else f"{least} to {most}"
        raise ValueError(f"a digest by {algorithm} has {digits} hexadecimal digits")
    return text.lower().zfill(most)
