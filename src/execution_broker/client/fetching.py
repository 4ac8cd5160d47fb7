"""Fetching one result: a temporary name, the digest checked, then renamed."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final, Protocol
from uuid import uuid4

from execution_broker.client.asking import Again, Question, open_once, repeat, take
from execution_broker.client.errors import (
    ContentMismatch,
    TargetTaken,
    UnexpectedReply,
    Unwritable,
)
from execution_broker.client.peer import Peer
from execution_broker.client.speaking import Conversation, Do, Shut
from execution_broker.models.extensions import ResultFile

_ENOUGH: Final = 1 << 18
"""Bytes that are written at once."""


class Progress(Protocol):
    """Told how many bytes of how many there are, again and again; begins again at a retry."""

    def __call__(self, done: int, total: int) -> None: ...


def untold(done: int, total: int) -> None:
    """Progress that nobody wants to know of."""


def fetch(peer: Peer, file: ResultFile, target: Path, progress: Progress) -> Conversation[Path]:
    """`target` holds the result when this returns; its parent directories are made.

    The same content there already passes without a transfer; other content is TargetTaken.
    ContentMismatch when size or digest differ. Repeatable at any point.
    """
    kept: bool = yield Do(lambda: _begin(file, target))
    if kept:
        progress(file.size, file.size)
        return target
    part = target.with_name(f".{uuid4().hex}.part")
    try:
        yield from repeat(peer, Again.SAFE, lambda: _download(peer, file, part, progress))
        yield Do(lambda: _finish(part, target))
    finally:
        part.unlink(missing_ok=True)
    return target


def place_in(directory: Path, file: ResultFile) -> Path:
    """Where a result belongs below a directory; UnexpectedReply if it would be outside of it."""
    path = PurePosixPath(file.path)
    if path.is_absolute() or not path.parts or ".." in path.parts or "\0" in file.path:
        raise UnexpectedReply(
            f"The broker names a result {file.path!r}, which would lie outside of {directory}.",
            "It was left out: tell whoever runs the broker.",
        )
    return directory.joinpath(*path.parts)


def _begin(file: ResultFile, target: Path) -> bool:
    """Whether the result is there already; room is made for it if not."""
    with _writing(target):
        if target.exists():
            return _keep(file, target)
        target.parent.mkdir(parents=True, exist_ok=True)
        return False


def _keep(file: ResultFile, target: Path) -> bool:
    if target.is_file() and target.stat().st_size == file.size:
        with target.open("rb") as content:
            if hashlib.file_digest(content, "sha256").hexdigest() == file.sha256:
                return True
    raise TargetTaken(
        f"{target} is there already, with other content than the result {file.path}.",
        "Move it away, or choose another directory.",
    )


def _download(peer: Peer, file: ResultFile, part: Path, progress: Progress) -> Conversation[None]:
    headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
    yield from open_once(peer, Question(place=file.url, headers=headers))
    out: BinaryIO = yield Do(lambda: _open(part))
    writing = _Writing(out, part)
    try:
        done = 0
        while done <= file.size and (piece := (yield from take(peer))):
            done += len(piece)
            writing.add(piece)
            if writing.is_enough:
                yield Do(writing.flush)
                progress(min(done, file.size), file.size)
        yield Do(writing.end)
        progress(min(done, file.size), file.size)
    finally:
        out.close()
    yield Shut()
    if done != file.size:
        more = "more" if done > file.size else f"{done}"
        raise _mismatch(f"{file.path}: {file.size} bytes were announced, and {more} came.")
    found = writing.digest.hexdigest()
    if found != file.sha256:
        raise _mismatch(f"{file.path}: expected sha256 {file.sha256}, found {found}.")


class _Writing:
    """What has come and is not yet on disk, and the digest of what is."""

    def __init__(self, out: BinaryIO, part: Path) -> None:
        self._out = out
        self._part = part
        self._pieces: list[bytes] = []
        self.digest = hashlib.sha256()

    def add(self, piece: bytes) -> None:
        self._pieces.append(piece)

    @property
    def is_enough(self) -> bool:
        return sum(map(len, self._pieces)) >= _ENOUGH

    def flush(self) -> None:
        whole = b"".join(self._pieces)
        self._pieces.clear()
        self.digest.update(whole)
        with _writing(self._part):
            self._out.write(whole)

    def end(self) -> None:
        self.flush()
        with _writing(self._part):
            self._out.flush()
            os.fsync(self._out.fileno())


def _open(part: Path) -> BinaryIO:
    with _writing(part):
        return part.open("wb")


def _finish(part: Path, target: Path) -> None:
    with _writing(target):
        part.replace(target)


def _mismatch(sentence: str) -> ContentMismatch:
    return ContentMismatch(
        sentence, "Nothing was kept. Fetch it again, or tell who runs the broker."
    )


@contextmanager
def _writing(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unwritable(
            f"{target} cannot be written: {error.strerror or error}.",
            "Choose a directory that you may write to and that has room.",
        ) from None
