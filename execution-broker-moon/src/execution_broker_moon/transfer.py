"""The transfer moon: reads `moon:` URLs.

Replace this: it reads files below one directory, as if they were somewhere else.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO, ClassVar
from urllib.parse import unquote, urlsplit

import msgspec
from execution_broker.domain import messages
from execution_broker.domain.errors import Permanent, Transient
from execution_broker.domain.naming import shown
from execution_broker.models.message import Message
from execution_broker.ports.data import Looked, Source

_CHUNK = 1 << 20


class TransferConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`root`: the directory that `moon:/` is. Nothing can be read without it."""

    root: str | None = None


class MoonTransfer:
    """Stateless, and shared by steps that run at the same time. No message holds a secret."""

    schemes: ClassVar[frozenset[str]] = frozenset({"moon"})
    Config: ClassVar[type[msgspec.Struct]] = TransferConfig

    def __init__(self, config: TransferConfig) -> None:
        self._root = config.root

    async def look(self, source: Source) -> Looked:
        """The size, without reading it; `Looked()` where the other side does not tell."""
        with await asyncio.to_thread(self._open, source) as file:
            return Looked(file.seek(0, 2))

    async def read(self, source: Source) -> AsyncIterator[bytes]:
        """Chunks of at most 1 MiB. Permanent for what will not pass, Transient for what may."""
        with await asyncio.to_thread(self._open, source) as file:
            while chunk := await asyncio.to_thread(_next, file, source):
                yield chunk

    async def close(self) -> None:
        """Replace this: give back connections."""

    def _open(self, source: Source) -> BinaryIO:
        path = self._path(source)
        try:
            return path.open("rb")
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError):
            raise Permanent(_told(source, "there is no file that may be read")) from None
        except OSError as error:
            raise Transient(_told(source, error.strerror or "reading failed")) from None

    def _path(self, source: Source) -> Path:
        where = shown(source.location)
        if self._root is None:
            reason = "the operator has not set transfers.moon.root"
            raise Permanent(messages.NOT_ALLOWED(place=where, reason=reason))
        root = Path(self._root).resolve()
        path = (root / unquote(urlsplit(source.location).path).lstrip("/")).resolve()
        if not path.is_relative_to(root):
            raise Permanent(messages.NOT_ALLOWED(place=where, reason="it is outside"))
        return path


def _next(file: BinaryIO, source: Source) -> bytes:
    try:
        return file.read(_CHUNK)
    except OSError as error:
        raise Transient(_told(source, error.strerror or "reading failed")) from None


def _told(source: Source, reason: str) -> Message:
    return messages.SOURCE_FAILED(location=shown(source.location), reason=reason)
