"""Undoing the encoding of a transfer, block by block: what comes of it may be a bomb."""

import os
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final, NamedTuple

from execution_broker.domain import messages
from execution_broker.domain.codings import Coding
from execution_broker.domain.errors import Permanent, Transient
from execution_broker.models.message import Message
from execution_broker.steps import files
from execution_broker.steps.files import in_blocks
from execution_broker.steps.measuring import Content, Measure
from execution_broker.steps.placement import Placement

Reading = Callable[[int, int], bytes]
"""So many bytes of content, from an offset on."""

_BLOCK: Final = 1 << 20
_GZIP: Final = "gzip"
_MAGIC: Final = b"\x1f\x8b"
_GZIP_FORM: Final = 31
_ZLIB_FORM: Final = 15


class Form(NamedTuple):
    """The form in which content is the file: where it is, what it is, and what to say of it."""

    part: files.Part
    content: Content
    remarks: tuple[Message, ...]


class CutOffError(Exception):
    """What is encoded ends before its end."""


@asynccontextmanager
async def chosen(
    wanted: Placement, part: files.Part, content: Content, coding: Coding | None
) -> AsyncIterator[Form]:
    """What came encoded, as it came or decoded: as its checks say, or where it has none its name.
    Permanent where neither form is as wanted."""
    if coding is None:
        wanted.require(content)
        yield Form(part, content, ())
        return
    kept = _kept(wanted, part, content, coding)
    if kept is not None:
        yield Form(part, content, (kept,))
        return
    name = coding.name
    if not coding.is_known:
        reason = f"it came encoded with {name}, which nobody had asked for and nobody can undo here"
        raise Permanent(wanted.source_failed(reason))
    async with files.making(wanted.target) as plain:
        try:
            found = await in_blocks(_undone(wanted, part, plain, content.size, name))
        except CutOffError:
            raise Transient(wanted.source_failed(f"its {name} encoding breaks off")) from None
        except zlib.error:
            raise Permanent(wanted.source_failed(f"its {name} encoding is damaged")) from None
        wanted.require(found, as_it_came=content, coding=name)
        undone = messages.CODING_UNDONE(file=wanted.source.name, coding=name)
        yield Form(plain, found, (undone,))


def decoded(read: Reading, coding: str) -> Iterator[bytes]:
    """What content is once its encoding is undone, in blocks: that is `gzip`, of which several may
    follow each other, or `deflate`. CutOffError or zlib.error where it cannot be."""
    offset, stream = 0, _decoder(read, coding)
    while data := read(_BLOCK, offset):
        offset += len(data)
        while data:
            if stream.eof:
                data = data.lstrip(b"\0") if coding == _GZIP else b""
                if not data:
                    break
                stream = _decoder(read, coding)
            yield stream.decompress(data, _BLOCK)
            data = stream.unused_data if stream.eof else stream.unconsumed_tail
    yield stream.flush()
    if not stream.eof:
        raise CutOffError


def decoded_at_most(size: int, content: bytes, coding: Coding) -> bytes | None:
    """What content is once its encoding is undone; None where that is more, or cannot be."""
    found = bytearray()
    if not coding.is_known:
        return None
    try:
        for block in decoded(lambda number, at: content[at : at + number], coding.name):
            found += block
            if len(found) > size:
                return None
    except (CutOffError, zlib.error):
        return None
    return bytes(found)


def _kept(wanted: Placement, part: files.Part, content: Content, coding: Coding) -> Message | None:
    """What to say of content that is the file as it came. None: it is to be decoded."""
    file, name = wanted.source.name, coding.name
    is_gzip = name == _GZIP
    if is_gzip and os.pread(part.fd, len(_MAGIC), 0) != _MAGIC:
        wanted.require(content)
        return messages.CODING_OWN(file=file, coding=name, reason="it is not")
    if wanted.is_checked:
        if wanted.difference(content) is not None:
            return None
        if coding.is_own:
            return messages.CODING_OWN(file=file, coding=name, reason="its checks say so")
        return messages.CODING_KEPT(file=file, coding=name)
    if coding.is_own and not (is_gzip and _start(partial(os.pread, part.fd)) == _MAGIC):
        return messages.CODING_OWN(file=file, coding=name, reason="its name says so")
    return None


def _undone(
    wanted: Placement, part: files.Part, plain: files.Part, before: int, coding: str
) -> files.Work[Content]:
    """Decode one part into another. Permanent as soon as that is more than it may be."""
    measure = Measure(wanted.digests)
    for block in decoded(partial(os.pread, part.fd), coding):
        size = measure.size + len(block)
        if wanted.size is not None and size > wanted.size:
            raise Permanent(wanted.wrong_size(f"more than {wanted.size}, decoded from {coding}"))
        said = f"more than {before + size} (as it came, and decoded from {coding})"
        wanted.require_room(len(block), said, before=before + measure.size)
        plain.append(block)
        measure.add(block)
        yield
    return measure.content()


def _start(read: Reading) -> bytes:
    """The first two bytes of what content holds in gzip; nothing where it does not."""
    try:
        start: bytes = _decoder(read, _GZIP).decompress(read(_BLOCK, 0), len(_MAGIC))
    except zlib.error:
        return b""
    return start


def _decoder(read: Reading, coding: str) -> Any:
    """What is sent as deflate is to be zlib, and with many servers is not."""
    if coding == _GZIP:
        return zlib.decompressobj(_GZIP_FORM)
    head = read(2, 0)
    is_zlib = len(head) == 2 and head[0] & 0x0F == 8 and int.from_bytes(head) % 31 == 0
    return zlib.decompressobj(_ZLIB_FORM if is_zlib else -_ZLIB_FORM)
