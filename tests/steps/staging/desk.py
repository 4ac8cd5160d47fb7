"""A stage with a source in memory, and what its tests need to know of both."""

import asyncio
import hashlib
import stat
import zlib
from collections.abc import AsyncIterator, Container
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from execution_broker.domain.errors import OutsideError, Permanent
from execution_broker.domain.messages import SOURCE_FAILED
from execution_broker.models.executable import Checks
from execution_broker.ports.data import Access, Looked, Present, Source, Stage, Staged
from execution_broker.steps.staging import Staging

CONTENT = bytes(range(256)) * 6_000  # 1.5 MB: more than is written at a time
OTHER = CONTENT[:-1] + b"x"


class Shelf:
    """A source in memory: `shelf:name`. It remembers what was read."""

    schemes: ClassVar[frozenset[str]] = frozenset({"shelf"})
    Config: ClassVar[type[msgspec.Struct]] = msgspec.Struct

    def __init__(self, **contents: bytes) -> None:
        self.contents = contents
        self.told: dict[str, int | None] = {}
        self.reads: list[str] = []
        self.sent = 0
        self.closed = 0
        self.half_way = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def look(self, source: Source) -> Looked:
        name = source.location.partition(":")[2]
        if name not in self.contents:
            raise Permanent(SOURCE_FAILED(location=source.location, reason="not here"))
        return Looked(self.told.get(name, len(self.contents[name])))

    async def read(self, source: Source) -> AsyncIterator[bytes]:
        name = source.location.partition(":")[2]
        self.reads.append(name)
        if name not in self.contents:
            raise Permanent(SOURCE_FAILED(location=source.location, reason="not here"))
        content = memoryview(self.contents[name])
        try:
            for start in range(0, len(content), 100_000):
                if start > len(content) // 2:
                    self.half_way.set()
                    await self.go_on.wait()
                self.sent += len(content[start : start + 100_000])
                yield bytes(content[start : start + 100_000])
        finally:
            self.closed += 1

    async def close(self) -> None: ...


class Endless(Shelf):
    """Sends for as long as anybody reads, and says that it is small. A test that nobody stops fails
    before it has filled the disk."""

    async def look(self, source: Source) -> Looked:
        return Looked(10)

    async def read(self, source: Source) -> AsyncIterator[bytes]:
        try:
            while self.sent < 1 << 28:
                self.sent += 1 << 20
                yield bytes(1 << 20)
            raise AssertionError("nobody has stopped it")
        finally:
            self.closed += 1


class Desk:
    """A stage with a shelf, and directories for both of its sides."""

    def __init__(self, directory: Path, shelf: Shelf, reserve: int = 0) -> None:
        self.shelf = shelf
        self.cache = directory / "cache"
        self.target = directory / "work" / "session" / "file"
        self.staging = Staging({"shelf": shelf}, self.cache, reserve=reserve)
        self.progress: list[tuple[int, int | None]] = []

    async def put(
        self,
        checks: Checks | None = None,
        *,
        name: str = "a",
        target: Path | None = None,
        present: Present = Present.REFUSE,
        access: Access = Access.READ_WRITE,
    ) -> Staged:
        stage: Stage = self.staging
        return await stage.put(
            Source(f"shelf:{name}", "file.fits", checks or Checks()),
            target or self.target,
            present=present,
            access=access,
            progress=self._progressed,
        )

    async def refused(self, checks: Checks | None = None, *, kind: str, **how: Any) -> OutsideError:
        """The error of a put, with a message of this kind about the file."""
        with pytest.raises(OutsideError) as caught:
            await self.put(checks, **how)
        assert caught.value.message.kind == f"urn:execution-broker:message:{kind}"
        assert "file.fits" in str(caught.value)
        assert str(self.target.parent) not in str(caught.value)
        return caught.value

    def trim(self, limit: int, wanted: Container[str] = frozenset()) -> int:
        """Trim the cache to so many bytes, an eighth less than it may have; the bytes removed."""
        staging = Staging({"shelf": self.shelf}, self.cache, limit=limit * 8 // 7)
        removed = staging.trim(wanted)
        assert staging.is_over() == bool(wanted)
        return removed

    def already(self, content: bytes) -> None:
        """Something is in the place."""
        self.target.parent.mkdir(parents=True)
        self.target.write_bytes(content)

    def entry(self, content: bytes) -> Path:
        digest = sha256(content)
        return self.cache / "sha256" / digest[:2] / digest

    def left(self) -> list[str]:
        """What is beside targets and in the cache and has no business there."""
        parents = [self.target.parent, *self.cache.glob("sha256/*")]
        return [p.name for d in parents if d.is_dir() for p in d.iterdir() if "part" in p.suffix]

    def _progressed(self, done: int, total: int | None, units: str) -> None:
        assert units == "bytes"
        self.progress.append((done, total))


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def checks_of(content: bytes) -> dict[str, Checks]:
    return {
        "sha256": Checks(sha256=sha256(content)),
        "md5": Checks(md5=hashlib.md5(content).hexdigest()),
        "adler32": Checks(adler32=f"{zlib.adler32(content):08x}"),
    }


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}


def known(content: bytes) -> Checks:
    return Checks(size=len(content), sha256=sha256(content))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


both = pytest.mark.parametrize("access", list(Access))
