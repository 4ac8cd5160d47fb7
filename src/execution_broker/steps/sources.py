"""Reading a source through its transfer, which may lie, break off, or not say how much there is."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from execution_broker.domain.errors import OutsideError, Permanent, Transient
from execution_broker.ports.data import Source, Transfer
from execution_broker.steps.measuring import Content
from execution_broker.steps.placement import Placement


@asynccontextmanager
async def chunks(transfer: Transfer, source: Source) -> AsyncIterator[AsyncIterator[bytes]]:
    """What a transfer reads, given back at once when reading stops early."""
    stream = transfer.read(source)
    try:
        yield stream
    finally:
        if isinstance(stream, AsyncGenerator):
            await stream.aclose()


async def told_size(wanted: Placement, transfer: Transfer) -> int | None:
    """What the source says its size is. A look that fails leaves it to reading to say why."""
    try:
        return (await transfer.look(wanted.source)).size
    except OutsideError:
        return None


async def short(wanted: Placement, transfer: Transfer, content: Content) -> OutsideError:
    """Less came than was to. Permanent only if the source says itself that this is all of it:
    not every source tells when it breaks off."""
    message = wanted.wrong_size(content.size)
    told = await told_size(wanted, transfer)
    return Permanent(message) if told == content.size else Transient(message)
