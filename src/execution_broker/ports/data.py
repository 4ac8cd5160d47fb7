"""The doors for data: kinds say where bytes are, transfers read them, a stage places them."""

from collections.abc import AsyncIterator
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar, Protocol

import msgspec

from execution_broker.models.executable import Checks
from execution_broker.models.message import Message


class Source(msgspec.Struct, frozen=True):
    """Where bytes are and what they must look like. `location` is a URL, without secrets."""

    location: str
    name: str
    checks: Checks = Checks()

    @property
    def scheme(self) -> str:
        return self.location.partition(":")[0].lower()


class Looked(msgspec.Struct, frozen=True):
    """What a source tells of its content, as far as it does: `size` in bytes, `version`, which is
    another one whenever the content is (an ETag), and its `media_type`. `coding`: how what it sends
    is encoded (`gzip`), by which its size is another one, too; empty where it is not."""

    size: int | None = None
    version: str | None = None
    coding: str = ""
    media_type: str = ""


class DataKind(Protocol):
    """One kind of data resource of the wire, found by entry point `execution_broker.data_kinds`."""

    kind: ClassVar[str]
    Config: ClassVar[type[msgspec.Struct]]

    def __init__(self, config: Any) -> None: ...

    async def locate(self, resource: Any) -> Source:
        """Where the bytes of this resource are. May ask a registry outside; reads no data.

        `resource` is the wire struct of this kind. Permanent when it names nothing that can be
        had (the message says what is missing), Transient when asking failed. Repeatable.
        """
        ...


class Transfer(Protocol):
    """One way to read bytes, for the URL schemes it names.

    Entry point group `execution_broker.transfers`.

    Stateless and shared by concurrent steps. Neither errors nor logs may hold credentials.
    """

    schemes: ClassVar[frozenset[str]]
    Config: ClassVar[type[msgspec.Struct]]

    def __init__(self, config: Any) -> None: ...

    async def look(self, source: Source) -> Looked:
        """What a source tells without being read. Permanent or Transient like `read`: whoever may
        not read may not look, as this decides who gets what is cached."""
        ...

    def read(self, source: Source) -> AsyncIterator[Looked | bytes]:
        """The bytes as they are sent, in chunks of at most 1 MiB, once from the start; and before
        them what the source tells with them, where it does.

        Permanent: forbidden, not there, not allowed here. Transient: anything that may pass.
        Bounded by connect and inactivity timeouts, never by a total. Who reads sees to it that
        enough comes in time, and not too much.
        """
        ...

    async def close(self) -> None:
        """Give back connections. Idempotent."""
        ...


class Progress(Protocol):
    """Told how far something is. Cheap: may be called for every chunk."""

    def __call__(self, done: int, total: int | None, units: str) -> None: ...


class Staged(msgspec.Struct, frozen=True):
    """A file in place: absolute path, bytes, digest, and whether its content was here already."""

    path: str
    size: int
    sha256: str
    reused: bool
    messages: tuple[Message, ...] = ()


class Present(Enum):
    """What to do when other content is in the place already."""

    REFUSE = "refuse"
    REPLACE = "replace"


class Access(Enum):
    """READ_ONLY only where the platform enforces it: then a hard link to the cache will do."""

    READ_ONLY = "read-only"
    READ_WRITE = "read-write"


class Stage(Protocol):
    """Puts the content of a source in place, verified. Given to platforms by the steps."""

    async def put(
        self,
        source: Source,
        target: Path,
        *,
        present: Present,
        access: Access,
        progress: Progress,
        storage: Path | None = None,
    ) -> Staged:
        """`target` holds the content when this returns; its parent directories are made.

        Permanent where it is larger than what is booked for it, as soon as that is known. Where
        `storage` says the directory of the storage that it is in, all that lies there counts, what
        is being written just now, too; else this file alone.

        Written under a temporary name beside it, size and digests checked, then renamed. Present
        already: the same content passes; other content is Permanent unless `present` is REPLACE.
        `access` says whether a hard link to the cache will do. Content known by sha256 comes from
        the cache, once the source has answered that it may be read. Underway while somebody else
        fetches that from there: ask again.
        Repeatable at any point.
        """
        ...
