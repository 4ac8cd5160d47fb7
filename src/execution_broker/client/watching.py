"""Following what changes, by asking again after growing, bounded pauses: never a busy loop."""

from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from execution_broker.client.streams import Part
from execution_broker.client.transport import Sleep, busy
from execution_broker.domain.errors import BrokerError
from execution_broker.domain.lifecycle import SESSION_ENDS
from execution_broker.models.execution import ExecutionSession

GROWTH: Final = 1.5
LONGEST: Final = 10.0
PATIENCE: Final = 120.0
"""Seconds of waiting in a row for a broker that has stopped answering, until it is given up."""


class Look(msgspec.Struct, frozen=True):
    """What one look at a session saw. No `session`: it is as it was at the last look."""

    session: ExecutionSession | None
    etag: str | None


def watch(
    look: Callable[[str | None], Look], *, interval: float, sleep: Sleep
) -> Iterator[ExecutionSession]:
    """The session now, then at every change, until it has ended.

    `interval` is the shortest pause in seconds; it grows up to ten seconds while nothing changes.
    Once there was an answer, a broker that stops answering is waited for, for two minutes.
    """
    pauses = _Pauses(interval, sleep)
    seen: ExecutionSession | None = None
    etag: str | None = None
    while True:
        try:
            now = look(etag)
        except BrokerError as error:
            if seen is None or not pauses.bear(error):
                raise
            continue
        etag = now.etag
        if now.session is not None and now.session != seen:
            seen = now.session
            yield seen
            pauses = _Pauses(interval, sleep)
            if ended(seen):
                return
        pauses.answered()
        pauses.pause()


def follow(
    read: Callable[[int], Part],
    ask: Callable[[], ExecutionSession],
    *,
    interval: float,
    sleep: Sleep,
) -> Iterator[bytes]:
    """The bytes of a stream as they come, until the session has ended and all were read.

    `read` is given how many bytes of the whole are known. The same patience as in `watch`.
    """
    pauses = _Pauses(interval, sleep)
    known = 0
    answered = False
    while True:
        try:
            over = ended(ask())
            part = read(known)
        except BrokerError as error:
            if not answered or not pauses.bear(error):
                raise
            continue
        answered = True
        known = part.total
        if part.data:
            pauses = _Pauses(interval, sleep)
            yield part.data
        if over:
            return
        pauses.answered()
        pauses.pause()


def ended(session: ExecutionSession) -> bool:
    """Whether the session is in a phase that nothing follows."""
    return session.phase in SESSION_ENDS


class _Pauses:
    """Pauses that grow. `waited`: seconds spent pausing since somebody last answered."""

    def __init__(self, interval: float, sleep: Sleep) -> None:
        self._next = max(interval, 0.05)
        self._sleep = sleep
        self.waited = 0.0

    def pause(self) -> None:
        self._sleep(self._next)
        self.waited += self._next
        self._next = min(self._next * GROWTH, max(LONGEST, self._next))

    def answered(self) -> None:
        self.waited = 0.0

    def bear(self, error: BrokerError) -> bool:
        """Pause, if asking again may help and patience lasts; False if not."""
        if not busy(error) or self.waited >= PATIENCE:
            return False
        self.pause()
        return True
