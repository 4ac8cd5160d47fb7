"""Acts are bounded in time: one that hangs ends while its lease is still renewed (S4)."""

import asyncio
from collections.abc import Awaitable
from typing import Any, Final, TypeVar

import structlog

from execution_broker.config import Worker as WorkerSettings
from execution_broker.domain import messages
from execution_broker.domain.errors import Transient
from execution_broker.domain.log_events import LogEvent
from execution_broker.domain.measures import Measure, Meter
from execution_broker.domain.plan import StepKind

T = TypeVar("T")

_log = structlog.get_logger()

_LONG: Final = frozenset(
    {StepKind.PREPARE_DATA, StepKind.PREPARE_EXECUTABLE, StepKind.COLLECT, StepKind.RELEASE_STORAGE}
)
"""The kinds that move, install or remove much."""


def limit(kind: StepKind, settings: WorkerSettings) -> int:
    """Seconds that one act of this kind may take."""
    return settings.long_act_limit if kind in _LONG else settings.act_limit


def longest(kind: StepKind, settings: WorkerSettings) -> float:
    """Seconds after which an act of this kind has been cut off and left to itself, and its lease
    given back: whoever has not done so by then cannot."""
    return limit(kind, settings) + 2 * settings.renewal


class Acting:
    """Runs acts. One that is cut off has some time to end; one that does not is left to itself, as
    nothing can stop it: its place is free, and what it results in is void."""

    def __init__(self, settings: WorkerSettings, meter: Meter) -> None:
        self._settings = settings
        self._meter = meter
        self._left: set[asyncio.Future[Any]] = set()

    async def run(self, kind: StepKind, act: Awaitable[T]) -> T:
        """What an act results in. Transient when it takes longer than it may."""
        seconds = limit(kind, self._settings)
        acting = asyncio.ensure_future(act)
        try:
            await asyncio.wait([acting], timeout=seconds)
        finally:
            await self._end(kind, acting)
        if acting.done() and not acting.cancelled():
            return acting.result()
        self._meter.measure(Measure.ACTS_CUT_OFF, 1, kind.word)
        _log.warning(LogEvent.ACT_CUT_OFF, seconds=seconds)
        reason = f"it was cut off after {seconds} s, the most that it may take here"
        raise Transient(messages.STEP_FAILED(step=kind.word, reason=reason))

    async def _end(self, kind: StepKind, acting: "asyncio.Future[Any]") -> None:
        """Have it end, if it has not; for as long as it is waited for."""
        if acting.done():
            return
        self._left.add(acting)
        acting.add_done_callback(self._ended)
        acting.cancel()
        await asyncio.wait([acting], timeout=self._settings.renewal)
        if not acting.done():
            _log.error(LogEvent.ACT_LEFT, kind=kind.word)

    def _ended(self, acting: "asyncio.Future[Any]") -> None:
        self._left.discard(acting)
        if not acting.cancelled():
            acting.exception()  # nobody else asks for it
