"""Fetching: what a source sends is written to a part, measured and bounded as it comes."""

from typing import Final, NamedTuple

from execution_broker.domain.codings import Coding
from execution_broker.domain.errors import Permanent
from execution_broker.ports.data import Looked, Transfer
from execution_broker.steps import files
from execution_broker.steps.files import in_thread
from execution_broker.steps.measuring import Content, Measure
from execution_broker.steps.placement import Placement
from execution_broker.steps.sources import Pace, Reading, coding_in, reading, short, told_size

_BATCH: Final = 1 << 20
_HEADERS: Final = 4096


class Fetched(NamedTuple):
    """What a source told, and what it sent. `coding`: how that is encoded, if it is."""

    told: Looked
    content: Content
    coding: Coding | None


async def fetch(wanted: Placement, transfer: Transfer, part: files.Part, pace: Pace) -> Fetched:
    """Fill an empty part. Permanent at once where the source itself says that this is not what is
    wanted, or more than there is room for; else as soon as more has come."""
    if wanted.size is not None:
        wanted.require_room(wanted.size)
    async with reading(transfer, wanted.source, pace) as source:
        told, coding = source.told, coding_in(source.told, wanted.source)
        size = wanted.size if told.size is None else told.size
        most = wanted.size if coding is None else _most_encoded(wanted.size)
        if wanted.size is not None and size != wanted.size and coding is None:
            raise Permanent(wanted.wrong_size(size))
        if size is None:
            size = await told_size(wanted, transfer)
        wanted.require_room(size or 0)
        content = await _written(wanted, source, part, size, most)
    if wanted.size is not None and content.size < wanted.size and coding is None:
        raise await short(wanted, transfer, content)
    return Fetched(told, content, coding)


def _most_encoded(size: int | None) -> int | None:
    """What content of this size may be once it is encoded, or if its size is that of what is: what
    cannot be compressed grows by little."""
    return None if size is None else size + size // 100 + _HEADERS


async def _written(
    wanted: Placement, source: Reading, part: files.Part, size: int | None, most: int | None
) -> Content:
    measure = Measure(wanted.digests)
    received, batch = 0, bytearray()

    def write(data: bytes) -> None:
        said = size if size and size >= received else f"more than {received}"
        wanted.require_room(len(data), said, before=measure.size)
        part.append(data)
        measure.add(data)

    async for chunk in source.chunks():
        received += len(chunk)
        batch += chunk
        if most is not None and received > most:
            raise Permanent(wanted.wrong_size(f"more than {most}"))
        if len(batch) >= _BATCH:
            data, batch = bytes(batch), bytearray()
            await in_thread(write, data)
        wanted.progress(received, size, "bytes")
    await in_thread(write, bytes(batch))
    return measure.content()
