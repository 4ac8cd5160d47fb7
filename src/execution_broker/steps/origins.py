"""Where cached content came from: what tells who may have it without reading its source again."""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from execution_broker.steps import files

T = TypeVar("T")

_MOST: Final = 16
"""So many places of each sort are remembered of one content, the newest of them."""
_LONGEST: Final = 2000
_MODE: Final = 0o600


class Origins:
    """Files beside the cache, for any number of processes. What is lost is only fetched again.

    A place is known by its URL without secrets. Where it was read without credentials it is
    *public*; for others the version is kept that was read, and not the URL.
    """

    def __init__(self, directory: Path) -> None:
        self._public = directory / "public"
        self._private = directory / "private"

    def is_public(self, sha256: str) -> bool:
        """Whether it was ever read without credentials."""
        return self._file(self._public, sha256).exists()

    def public(self, sha256: str) -> list[str]:
        """Places where anybody could read it, the newest first."""
        return _read(self._file(self._public, sha256), list[str]) or []

    def version(self, sha256: str, place: str) -> str | None:
        """The version of it that was read there with credentials."""
        return self._versions(sha256).get(_key(place))

    def add_public(self, sha256: str, place: str) -> None:
        if len(place) <= _LONGEST:
            known = [one for one in self.public(sha256) if one != place]
            _write(self._file(self._public, sha256), [place, *known][:_MOST])

    def add_private(self, sha256: str, place: str, version: str) -> None:
        key = _key(place)
        known = {one: kept for one, kept in self._versions(sha256).items() if one != key}
        newest = [(key, version), *known.items()][:_MOST]
        _write(self._file(self._private, sha256), dict(newest))

    def forget(self, sha256: str) -> None:
        for directory in (self._public, self._private):
            self._file(directory, sha256).unlink(missing_ok=True)

    def _versions(self, sha256: str) -> Mapping[str, str]:
        return _read(self._file(self._private, sha256), dict[str, str]) or {}

    def _file(self, directory: Path, sha256: str) -> Path:
        return directory / sha256[:2] / sha256


def _key(place: str) -> str:
    return hashlib.sha256(place.encode(errors="surrogatepass")).hexdigest()


def _read(file: Path, type_: type[T]) -> T | None:
    with suppress(OSError, msgspec.DecodeError):
        return msgspec.json.decode(file.read_bytes(), type=type_)
    return None


def _write(file: Path, value: object) -> None:
    """OSError when it cannot be."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    files.sweep(file)
    with files.Part(file) as part:
        part.append(msgspec.json.encode(value))
        part.seal(_MODE)
        files.replace(part.path, file)
