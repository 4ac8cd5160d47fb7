"""How servers say that what they send is encoded, and when that is the file's own form."""

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

_SUFFIXES: Final[Mapping[str, tuple[str, ...]]] = {
    "gzip": (".gz", ".tgz", ".taz", ".svgz", ".gzip"),
    "deflate": (".zz", ".zlib"),
    "br": (".br", ".tbr"),
    "zstd": (".zst", ".tzst", ".zstd"),
    "compress": (".z", ".taz"),
    "bzip2": (".bz2", ".tbz", ".tbz2"),
    "xz": (".xz", ".txz", ".lzma"),
}
"""Every encoding that is one, with the names of files that have it as their own."""
_KNOWN: Final = frozenset({"gzip", "deflate"})


class Coding(NamedTuple):
    """What content is encoded with. `is_own`: so is the file itself, by its name, and its server
    only calls that an encoding. `is_known`: it can be undone here."""

    name: str
    is_own: bool
    is_known: bool


def coding_of(told: str, names: Collection[str]) -> Coding | None:
    """The encoding in a Content-Encoding. None where nothing is encoded: servers put all sorts of
    words there. `names`: what the file is called."""
    words = (word.strip().lower().removeprefix("x-") for word in told.split(","))
    found = [word for word in words if word in _SUFFIXES]
    if not found:
        return None
    name = ", ".join(found)
    suffixes = _SUFFIXES.get(name, ())
    is_own = any(one.lower().endswith(suffixes) for one in names) if suffixes else False
    return Coding(name, is_own, name in _KNOWN)
