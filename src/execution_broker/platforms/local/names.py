"""User names as safe path names, and back."""

from typing import Final
from urllib.parse import unquote_to_bytes

_KEPT: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")
_LONGEST: Final = 200


def safe_name(name: str) -> str:
    """A relative path for any name; `original_name` gives the name back.

    Bytes of its UTF-8 other than ASCII letters, digits, `_`, `-` and `.` are percent-encoded, and
    so is a leading dot. One path part, for names of ordinary length; a longer one continues in a
    directory below wherever a part ends in `+`. No part is longer than 203 bytes.
    """
    encoded = "".join(chr(b) if b in _KEPT else f"%{b:02X}" for b in _bytes(name)) or "%"
    parts = [encoded[at : at + _LONGEST] for at in range(0, len(encoded), _LONGEST)]
    return "+/".join("%2E" + part[1:] if part.startswith(".") else part for part in parts)


def original_name(path: str) -> str:
    """The name that `safe_name` made this path of."""
    encoded = path.replace("+/", "")
    return "" if encoded == "%" else unquote_to_bytes(encoded).decode("utf-8", "surrogatepass")


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")
