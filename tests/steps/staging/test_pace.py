"""A source must send enough in time, whatever its transfer is content with."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from execution_broker.domain.errors import Transient
from execution_broker.ports.data import Looked, Source
from execution_broker.steps.sources import Pace
from execution_broker.steps.staging import Staging
from tests.steps.staging.desk import CONTENT, Desk, Shelf

PACE = Pace(rate=1000, window=0.4)
ENOUGH = 400
"""Bytes in a window."""


class Dripping(Shelf):
    """Sends so many bytes at a time, and so many of these; then it is silent, or at its end."""

    def __init__(self, chunk: int, pause: float, number: int | None, *, ends: bool) -> None:
        super().__init__(a=CONTENT)
        self.chunk = chunk
        self.pause = pause
        self.number = number
        self.ends = ends

    async def look(self, source: Source) -> Looked:
        return Looked()

    async def read(self, source: Source) -> AsyncIterator[bytes]:
        try:
            while self.number is None or self.number > 0:
                self.number = self.number and self.number - 1
                await asyncio.sleep(self.pause)
                self.sent += self.chunk
                yield b"x" * self.chunk
            if not self.ends:
                await asyncio.Event().wait()
        finally:
            self.closed += 1


def desk_with(tmp_path: Path, shelf: Shelf) -> Desk:
    desk = Desk(tmp_path, shelf)
    desk.staging = Staging({"shelf": shelf}, desk.cache, reserve=0, pace=PACE)
    return desk


@pytest.mark.parametrize(
    ("chunk", "pause", "number"),
    [(1, 0.01, None), (0, 60.0, None), (10 * ENOUGH, 0.01, 2)],
    ids=["drips", "is silent", "falls silent"],
)
async def test_a_source_that_is_too_slow_has_failed(
    tmp_path: Path, chunk: int, pause: float, number: int | None
) -> None:
    desk = desk_with(tmp_path, Dripping(chunk, pause, number, ends=False))
    with pytest.raises(Transient, match=r"bytes came in 0\.4 s, and 1000 bytes/s are the least"):
        await asyncio.wait_for(desk.put(), 10)
    assert desk.shelf.closed == 1
    assert desk.left() == []


@pytest.mark.parametrize(
    ("chunk", "pause", "number"), [(ENOUGH, 0.2, 5), (1, 0.01, 5)], ids=["in bursts", "is small"]
)
async def test_a_source_that_sends_enough_is_read(
    tmp_path: Path, chunk: int, pause: float, number: int
) -> None:
    desk = desk_with(tmp_path, Dripping(chunk, pause, number, ends=True))
    assert (await desk.put()).size == chunk * number
