"""Where the random names of answers and sessions come from."""

import os
from typing import Final

_HEX: Final = 32
_VARIANTS: Final = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))


def random_uuids(count: int) -> list[str]:
    """So many random UUIDs (version 4), as text: drawn at once, an answer has dozens."""
    drawn = os.urandom(count * _HEX // 2).hex()
    return [_uuid(drawn[at : at + _HEX]) for at in range(0, len(drawn), _HEX)]


def _uuid(h: str) -> str:
    """With the bits of version and variant in their places (RFC 9562)."""
    return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-{_VARIANTS[h[16]]}{h[17:20]}-{h[20:]}"
