"""What bytes are: counted and digested as they pass by."""

import hashlib
import zlib
from collections.abc import Iterable

import msgspec


class Content(msgspec.Struct, frozen=True):
    """What bytes are: how many, and their digests by algorithm, in lower-case hexadecimal."""

    size: int
    digests: dict[str, str]

    @property
    def sha256(self) -> str:
        return self.digests["sha256"]


class Measure:
    """Counts and digests bytes that pass by: sha256 always, md5 and adler32 where asked for."""

    def __init__(self, algorithms: Iterable[str] = ()) -> None:
        self.size = 0
        self._hashes = {"sha256": hashlib.sha256()}
        self._adler32: int | None = 1 if "adler32" in algorithms else None
        if "md5" in algorithms:
            self._hashes["md5"] = hashlib.md5(usedforsecurity=False)

    def add(self, data: bytes) -> None:
        self.size += len(data)
        for found in self._hashes.values():
            found.update(data)
        if self._adler32 is not None:
            self._adler32 = zlib.adler32(data, self._adler32)

    def content(self) -> Content:
        digests = {name: found.hexdigest() for name, found in self._hashes.items()}
        if self._adler32 is not None:
            digests["adler32"] = f"{self._adler32:08x}"
        return Content(self.size, digests)
