"""Reading a source through its transfer, which may drip, lie, break off, or not say how much there
is."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import PurePosixPath
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from execution_broker.domain import messages
from execution_broker.domain.codings import Coding, coding_of
from execution_broker.domain.errors import OutsideError, Permanent, Transient
from execution_broker.domain.naming import shown
from execution_broker.ports.data import Looked, Source, Transfer
from execution_broker.steps.measuring import Content
from execution_broker.steps.placement import Placement


class Pace(NamedTuple):
    """So many bytes per second must come of a source, as a mean of any `window` seconds in which
    it is waited for. No bytes: no pace is asked of it."""

    rate: int = 0
    window: float = 60.0


class Reading:
    """What is being read of a source: what it told before its bytes, and these, as they come."""

    def __init__(
        self,
        stream: AsyncIterator[Looked | bytes],
        source: Source,
        pace: Pace,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.told = Looked()
        self._stream = stream
        self._source = source
        self._pace = pace
        self._clock = clock
        self._first: bytes | None = None
        self._waited = 0.0
        self._came = 0

    async def begin(self) -> None:
        """Get what is told before the first byte."""
        match await self._next():
            case Looked() as told:
                self.told = told
            case chunk:
                self._first = chunk

    async def chunks(self) -> AsyncIterator[bytes]:
        """Transient when too little comes in time."""
        if self._first is not None:
            yield self._first
        while (chunk := await self._next()) is not None:
            if isinstance(chunk, bytes):
                yield chunk

    async def _next(self) -> Looked | bytes | None:
        """What comes next; None at the end."""
        if not self._pace.rate:
            return await anext(self._stream, None)
        limit = asyncio.timeout(self._pace.window - self._waited)
        began = self._clock()
        try:
            async with limit:
                item = await anext(self._stream, None)
        except TimeoutError:
            if limit.expired():
                raise self._too_slow() from None
            raise
        self._waited += self._clock() - began
        self._came += len(item) if isinstance(item, bytes) else 0
        if self._came >= self._pace.rate * self._pace.window:
            self._waited, self._came = 0.0, 0
        return item

    def _too_slow(self) -> Transient:
        rate, window = self._pace
        reason = f"{self._came} bytes came in {window:g} s, and {rate} bytes/s are the least"
        return Transient(
            messages.SOURCE_FAILED(location=shown(self._source.location), reason=reason)
        )


@asynccontextmanager
async def reading(transfer: Transfer, source: Source, pace: Pace) -> AsyncIterator[Reading]:
    """Begin to read a source; given back at once when reading stops early."""
    stream = transfer.read(source)
    try:
        begun = Reading(stream, source, pace)
        await begun.begin()
        yield begun
    finally:
        if isinstance(stream, AsyncGenerator):
            await stream.aclose()


async def told_size(wanted: Placement, transfer: Transfer) -> int | None:
    """What the source says its size is. A look that fails leaves it to reading to say why."""
    try:
        return size_of(await transfer.look(wanted.source), wanted.source)
    except OutsideError:
        return None


def names_of(source: Source) -> tuple[str, str]:
    """What a file is called: here, and at the end of where it is."""
    try:
        path = urlsplit(source.location).path
    except ValueError:
        path = ""
    return source.name, unquote(path)


def coding_in(told: Looked, source: Source) -> Coding | None:
    """How what a source sends is encoded, if it is. Whether that is the file's own form says the
    name that it is given here, or where that has no ending, the end of where it is."""
    name, place = names_of(source)
    return coding_of(told.coding, (name,) if PurePosixPath(name).suffix else (name, place))


def size_of(told: Looked, source: Source) -> int | None:
    """How large the file is, as far as its source tells: of what is encoded for its way here it
    does not."""
    coding = coding_in(told, source)
    return told.size if coding is None or coding.is_own else None


async def short(wanted: Placement, transfer: Transfer, content: Content) -> OutsideError:
    """Less came than was to. Permanent only if the source says itself that this is all of it:
    not every source tells when it breaks off."""
    message = wanted.wrong_size(content.size)
    told = await told_size(wanted, transfer)
    return Permanent(message) if told == content.size else Transient(message)
