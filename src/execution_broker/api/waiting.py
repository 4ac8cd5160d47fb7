"""Who keeps a connection busy and us idle: who waits for a change, and who is still to send a body.
So many at a time, and nobody waits once the server is to stop."""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from execution_broker.api.excess import Excess
from execution_broker.domain.errors import TooMany, Unavailable
from execution_broker.domain.measures import Measure, Meter


class Waiting:
    """At most `most` wait at a time, and `most_each` of one source: an identity, or an address."""

    def __init__(
        self, most: int, most_each: int, heartbeat: float, excess: Excess, meter: Meter
    ) -> None:
        """`heartbeat`: seconds between two signs of life in a stream of events."""
        self.heartbeat = heartbeat
        self.leaving = asyncio.Event()
        self.count = 0
        self._most = most
        self._most_each = most_each
        self._excess = excess
        self._meter = meter
        self._sources: Counter[int | str] = Counter()

    @contextmanager
    def place(self, source: int | str) -> Iterator[None]:
        """A place to wait, for as long as this lasts. Unavailable or TooMany if there is none."""
        if self.count >= self._most:
            self._excess.refuse("wait", "all", self._most)
            raise Unavailable(
                f"Already {self._most} wait for a change here, or are still sending a request.",
                "Try again in a few seconds, and ask without waiting.",
            )
        if self._sources[source] >= self._most_each:
            self._excess.refuse("wait", "identity", self._most_each)
            raise TooMany(
                f"Already {self._most_each} of your requests wait here, or are not all here.",
                "End one of them, or ask without waiting.",
                retry_after=5,
            )
        self._add(source, 1)
        try:
            yield
        finally:
            self._add(source, -1)

    async def wait(self, change: Coroutine[Any, Any, None]) -> None:
        """Return when `change` has come, or the server is to stop."""
        tasks = [asyncio.ensure_future(change), asyncio.ensure_future(self.leaving.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if tasks[0].done():
                await tasks[0]
        finally:
            for task in tasks:
                task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(*tasks, return_exceptions=True)

    def _add(self, source: int | str, number: int) -> None:
        self._meter.measure(Measure.WAITS, number)
        self.count += number
        self._sources[source] += number
        if not self._sources[source]:
            del self._sources[source]
