"""How sources are named: in a message for people, and as a file on a disk."""

import re
from collections.abc import Callable, Iterable
from hashlib import sha256
from itertools import chain, count
from typing import Final
from urllib.parse import SplitResult, unquote_to_bytes, urlsplit, urlunsplit

_LONGEST_NAME: Final = 200
_LONGEST_SHOWN: Final = 300
_ESCAPED: Final = frozenset("/\\%")
_LONGEST_VARIABLE: Final = 100
_UNFIT: Final = re.compile("[^A-Za-z0-9]")
_STEM: Final = re.compile(
    r"(.+?)((?:\.\w{1,10})?\.(?:gz|bz2|xz|zst|fz|Z)|\.[^.]{1,20})?", re.DOTALL | re.ASCII
)
_UNSAYABLE: Final = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\ud800-\\udfff\\ufffe\\uffff]")


def shown(location: str) -> str:
    """A URL as it may stand in messages: without user, password, query and fragment.

    Where it is unclear which part is a password, only the scheme is left.
    """
    parts = _clear_parts(location)
    if parts is None:
        return _printable(location.partition(":")[0] + "://...")
    host = parts.netloc.rpartition("@")[2]
    return _printable(urlunsplit((parts.scheme, host, parts.path, "", "")))


def file_name(name: str | None, location: str) -> str:
    """The file name of a source: its given name, else the last part of its URL, made safe."""
    return safe_name(name or _last_part(location) or "data")


def safe_name(name: str) -> str:
    """One path component that stands for this name, never empty, hidden, `.` or `..`.

    Reversible: what is unsafe is written as in URLs (`a/b` is `a%2Fb`), so different names stay
    different. A name longer than 200 bytes is cut and ends in a digest of the whole.
    """
    safe = "".join(_escape(c) if c in _ESCAPED or not c.isprintable() else c for c in name)
    if safe.startswith("."):
        safe = _escape(".") + safe[1:]
    encoded = safe.encode()
    if len(encoded) <= _LONGEST_NAME:
        return safe or "%"
    digest = sha256(encoded).hexdigest()[:32]
    return encoded[: _LONGEST_NAME - 33].decode(errors="ignore") + "~" + digest


def distinct(names: Iterable[str], variant: Callable[[str, int], str] | None = None) -> list[str]:
    """The names, in their order, no two alike: the first of several keeps its name, and a later one
    is its first variant, from 2 on, that no earlier one has."""
    taken: set[str] = set()
    found = []
    for name in names:
        candidates = chain([name], ((variant or _numbered)(name, n) for n in count(2)))
        chosen = next(one for one in candidates if one not in taken)
        taken.add(chosen)
        found.append(chosen)
    return found


def variables(prefix: str, names: Iterable[str]) -> list[str]:
    """The environment variables that stand for names: all that is no ASCII letter or digit becomes
    `_`, and they are distinct."""
    plain = (_UNFIT.sub("_", name).upper()[:_LONGEST_VARIABLE] for name in names)
    return distinct(f"{prefix}_{name}" for name in plain)


def numbered_file(name: str, number: int) -> str:
    """The file name with a number before what tells its kind: `cat_2.fits.gz`."""
    found = _STEM.fullmatch(name)
    assert found is not None
    return f"{found[1]}_{number}{found[2] or ''}"


def is_result_path(path: str) -> bool:
    """Whether a result of this path can be listed in every format and fetched: relative, without
    `.` and `..`, and of characters alone that XML and URLs can say."""
    has_parts = all(part not in ("", ".", "..") for part in path.split("/"))
    return has_parts and not _UNSAYABLE.search(path)


def escaped(path: str) -> str:
    """A path with what cannot be said in it written as in Python: `line\\nfeed`."""
    return _UNSAYABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), path)


def _clear_parts(location: str) -> SplitResult | None:
    """The parts of a URL, unless some other part may hold a piece of an unescaped password."""
    try:
        parts = urlsplit(location)
        unclear = parts.port is not None or ":" in parts.netloc  # a port that is no number raises
    except ValueError:
        return None
    return None if unclear and "@" in location.partition(parts.netloc)[2] else parts


def _last_part(location: str) -> str:
    try:
        path = urlsplit(location).path
    except ValueError:
        return ""
    part = path.rstrip("/").rpartition("/")[2]
    try:
        return unquote_to_bytes(part).decode()
    except UnicodeDecodeError:
        return part


def _numbered(name: str, number: int) -> str:
    return f"{name}_{number}"


def _escape(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode(errors="surrogatepass"))


def _printable(text: str) -> str:
    clean = "".join(c if c.isprintable() else "?" for c in text)
    return clean if len(clean) <= _LONGEST_SHOWN else clean[: _LONGEST_SHOWN - 3] + "..."
