"""A stream kept in a file of fixed size: its first bytes, its last bytes, and how many it had.

Standard library only: the shim writes these files, the broker reads them at the same time.

The file: a header, then `limit` bytes for the first ones, then a ring of `limit` bytes for the last
ones. The header counts the bytes before they are written (`begun`) and after (`done`), so that a
reader knows which part of the ring may have changed under its hands.
"""

import os
import struct
from pathlib import Path
from typing import Final

_HEADER: Final = struct.Struct("<QQQ")
_BEGUN: Final = 8
_DONE: Final = 16


class BoundedFile:
    """Written once, from the start. Its space is taken at once, so a full disk cannot stop it."""

    def __init__(self, path: Path, limit: int) -> None:
        self.limit = limit
        self.total = 0
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        os.posix_fallocate(self._file, 0, _HEADER.size + 2 * limit)
        os.pwrite(self._file, _HEADER.pack(limit, 0, 0), 0)

    def write(self, data: bytes) -> None:
        self._count(_BEGUN, self.total + len(data))
        at = 0
        while at < len(data):
            place, room = _place(self.total + at, self.limit)
            piece = data[at : at + room]
            os.pwrite(self._file, piece, place)
            at += len(piece)
        self.total += len(data)
        self._count(_DONE, self.total)

    def close(self) -> None:
        os.close(self._file)

    def _count(self, place: int, value: int) -> None:
        os.pwrite(self._file, value.to_bytes(8, "little"), place)


def read_after(path: Path, seen: int) -> list[tuple[int, bytes]]:
    """What is kept of the bytes from `seen` on, as pieces with their offset in the whole stream.

    Between two pieces is a gap where bytes were dropped. Nothing when there is no such file, or one
    of another make: a notebook could have written it.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return []
    try:
        return _pieces(descriptor, seen)
    finally:
        os.close(descriptor)


def _pieces(descriptor: int, seen: int) -> list[tuple[int, bytes]]:
    header = os.pread(descriptor, _HEADER.size, 0)
    if len(header) < _HEADER.size:
        return []
    limit, _, done = _HEADER.unpack(header)
    if not limit or os.fstat(descriptor).st_size != _HEADER.size + 2 * limit:
        return []
    pieces = [(seen, _read(descriptor, seen, min(limit, done), limit))]
    start = max(seen, limit, done - limit)
    tail = _read(descriptor, start, done, limit)
    _, begun, _ = _HEADER.unpack(os.pread(descriptor, _HEADER.size, 0))
    lost = max(0, min(len(tail), begun - limit - start))
    pieces.append((start + lost, tail[lost:]))
    if pieces[0][0] + len(pieces[0][1]) == pieces[1][0]:
        pieces = [(seen, pieces[0][1] + pieces[1][1])]
    return [piece for piece in pieces if piece[1]]


def _read(descriptor: int, start: int, end: int, limit: int) -> bytes:
    read = bytearray()
    while start < end:
        place, room = _place(start, limit)
        piece = os.pread(descriptor, min(room, end - start), place)
        if not piece:
            break
        read += piece
        start += len(piece)
    return bytes(read)


def _place(offset: int, limit: int) -> tuple[int, int]:
    """Where the byte at this offset of the stream lies, and how many lie in a row from there."""
    if offset < limit:
        return _HEADER.size + offset, limit - offset
    within = (offset - limit) % limit
    return _HEADER.size + limit + within, limit - within
