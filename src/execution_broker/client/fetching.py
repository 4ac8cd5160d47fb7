"""Fetching one result: a temporary name, the digest checked, then renamed."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Final, Protocol
from uuid import uuid4

from execution_broker.client.errors import (
    ContentMismatch,
    TargetTaken,
    UnexpectedReply,
    Unwritable,
)
from execution_broker.client.transport import Reply, Transport, refusal
from execution_broker.models.extensions import ResultFile

_CHUNK: Final = 1 << 18


class Progress(Protocol):
    """Told how many bytes of how many there are, for every chunk; begins again at a retry."""

    def __call__(self, done: int, total: int) -> None: ...


def fetch(transport: Transport, file: ResultFile, target: Path, progress: Progress) -> Path:
    """`target` holds the result when this returns; its parent directories are made.

    The same content there already passes without a transfer; other content is TargetTaken.
    ContentMismatch when size or digest differ. Repeatable at any point.
    """
    with _writing(target):
        if target.exists():
            return _keep(file, target, progress)
        target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{uuid4().hex}.part")
    try:
        transport.repeat(lambda: _download(transport, file, part, progress))
        with _writing(target):
            part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target


def place_in(directory: Path, file: ResultFile) -> Path:
    """Where a result belongs below a directory; UnexpectedReply if it would be outside of it."""
    path = PurePosixPath(file.path)
    if path.is_absolute() or not path.parts or ".." in path.parts or "\0" in file.path:
        raise UnexpectedReply(
            f"The broker names a result {file.path!r}, which would lie outside of {directory}.",
            "Fetch the others one by one, and tell whoever runs the broker.",
        )
    return directory.joinpath(*path.parts)


def _keep(file: ResultFile, target: Path, progress: Progress) -> Path:
    if target.is_file() and target.stat().st_size == file.size:
        with target.open("rb") as content:
            if hashlib.file_digest(content, "sha256").hexdigest() == file.sha256:
                progress(file.size, file.size)
                return target
    raise TargetTaken(
        f"{target} is there already, with other content than the result {file.path}.",
        "Move it away, or choose another directory.",
    )


def _download(transport: Transport, file: ResultFile, part: Path, progress: Progress) -> None:
    headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
    digest, done = hashlib.sha256(), 0
    with transport.open(file.url, headers) as response:
        if response.status_code != 200:
            response.read()
            raise refusal(Reply(response.status_code, dict(response.headers), response.content))
        with _writing(part), part.open("wb") as out:
            for chunk in response.iter_bytes(_CHUNK):
                digest.update(chunk)
                done += len(chunk)
                if done > file.size:
                    break
                out.write(chunk)
                progress(done, file.size)
            out.flush()
            os.fsync(out.fileno())
    if done != file.size:
        more = "more" if done > file.size else f"{done}"
        raise _mismatch(f"{file.path}: {file.size} bytes were announced, and {more} came.")
    if digest.hexdigest() != file.sha256:
        raise _mismatch(f"{file.path}: expected sha256 {file.sha256}, found {digest.hexdigest()}.")


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
