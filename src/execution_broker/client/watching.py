"""Following what changes: by the broker's events, else by asking it to answer at the next change,
else by asking again after growing, bounded pauses. Never a busy loop."""

from collections.abc import Generator
from typing import Any, Final
from uuid import UUID

import msgspec

from execution_broker.client.asking import Question, ask, busy, open_once, take
from execution_broker.client.decoding import Notice, read_session
from execution_broker.client.errors import BrokerRefused, UnexpectedReply
from execution_broker.client.events import EventReader
from execution_broker.client.peer import Peer
from execution_broker.client.requests import name
from execution_broker.client.requests import session as read_now
from execution_broker.client.speaking import Conversation, Course, Found, Pause, Shut, Want
from execution_broker.client.streams import StreamName, read_from
from execution_broker.domain.errors import BrokerError
from execution_broker.domain.lifecycle import SESSION_ENDS
from execution_broker.models.execution import ExecutionSession

GROWTH: Final = 1.5
LONGEST: Final = 10.0
SHORTEST: Final = 0.05
PATIENCE: Final = 120.0
"""Seconds of waiting in a row for a broker that has stopped answering, until it is given up."""

_EVENTS: Final = "text/event-stream"


class Look(msgspec.Struct, frozen=True):
    """What one look at a session saw. No `session`: it is as it was at the last look.

    `waited`: the broker waited for a change before it answered, so that nobody need pause.
    """

    session: ExecutionSession | None
    etag: str | None
    waited: bool = False


class Watch:
    """One session that is followed. `interval`: the shortest pause between two looks in seconds."""

    def __init__(self, peer: Peer, notice: Notice, uuid: UUID | str, interval: float) -> None:
        self._peer = peer
        self._notice = notice
        self._place = f"sessions/{name(uuid)}"
        self._interval = interval
        self._seen: ExecutionSession | None = None
        self._etag: str | None = None
        self._last: str | None = None
        self._has_events = True

    def course(self) -> Course[ExecutionSession]:
        """The session now, then at every change, until it has ended.

        Once there was an answer, a broker that stops answering is waited for, for two minutes.
        """
        pauses = Pauses(self._interval)
        while True:
            try:
                look = yield from self._look()
                pauses.answered()
                if (now := self._changed(look)) is not None:
                    pauses = Pauses(self._interval)
                    yield Found(now)
                    if ended(now):
                        return
                if self._has_events and (yield from self._hear()):
                    return
            except BrokerError as error:
                if self._seen is None or not (yield from pauses.bear(error)):
                    raise
                continue
            if look.waited:
                yield Pause(SHORTEST)
            else:
                yield from pauses.pause()

    def _hear(self) -> Generator[Want | Found[ExecutionSession], Any, bool]:
        """Look at every event, as long as the events come. True once the session has ended."""
        headers = {"Accept": _EVENTS} | ({"Last-Event-ID": self._last} if self._last else {})
        question = Question(place=f"{self._place}/events", headers=headers)
        try:
            reply = yield from open_once(self._peer, question)
        except (BrokerRefused, UnexpectedReply) as error:
            self._has_events = busy(error)
            return False
        self._has_events = _EVENTS in reply.headers.get("content-type", "")
        reader = EventReader()
        while self._has_events:
            now = self._changed((yield from self._look()))
            if now is not None:
                yield Found(now)
                if ended(now):
                    return True
            if not (yield from self._rung(reader)):
                break
        yield Shut()
        return False

    def _rung(self, reader: EventReader) -> Conversation[bool]:
        """Wait for the next event, or heartbeat. False once no more will come."""
        while piece := (yield from take(self._peer)):
            heard = reader.feed(piece)
            self._last = reader.last or self._last
            if heard:
                return True
        return False

    def _look(self) -> Conversation[Look]:
        headers: dict[str, str] = {}
        if self._etag is not None:
            headers["If-None-Match"] = self._etag
            if not self._has_events:
                headers["Prefer"] = f"wait={self._peer.wait}"
        question = Question(place=self._place, headers=headers, expect=(200, 304))
        reply = yield from ask(self._peer, question)
        waited = "wait" in reply.headers.get("preference-applied", "")
        if reply.status == 304:
            return Look(None, self._etag, waited)
        session = read_session(reply.values(), self._notice)
        return Look(session, reply.headers.get("etag"), waited)

    def _changed(self, look: Look) -> ExecutionSession | None:
        self._etag = look.etag
        if look.session is None or look.session == self._seen:
            return None
        self._seen = look.session
        return look.session


def follow(
    peer: Peer, notice: Notice, uuid: UUID | str, stream: StreamName, interval: float
) -> Course[bytes]:
    """The bytes of a stream as they come, until the session has ended and all were read.

    The same patience as in `Watch`.
    """
    pauses = Pauses(interval)
    known = 0
    answered = False
    while True:
        try:
            over = ended((yield from read_now(peer, notice, uuid)))
            part = yield from read_from(peer, uuid, stream, known)
        except BrokerError as error:
            if not answered or not (yield from pauses.bear(error)):
                raise
            continue
        answered = True
        known = part.total
        if part.data:
            pauses = Pauses(interval)
            yield Found(part.data)
        if over:
            return
        pauses.answered()
        yield from pauses.pause()


def ended(session: ExecutionSession) -> bool:
    """Whether the session is in a phase that nothing follows."""
    return session.phase in SESSION_ENDS


class Pauses:
    """Pauses that grow. `waited`: seconds spent pausing since somebody last answered."""

    def __init__(self, interval: float) -> None:
        self._next = max(interval, SHORTEST)
        self.waited = 0.0

    def pause(self) -> Conversation[None]:
        yield Pause(self._next)
        self.waited += self._next
        self._next = min(self._next * GROWTH, max(LONGEST, self._next))

    def answered(self) -> None:
        self.waited = 0.0

    def bear(self, error: BrokerError) -> Conversation[bool]:
        """Pause, if asking again may help and patience lasts; False if not."""
        if not busy(error) or self.waited >= PATIENCE:
            return False
        yield from self.pause()
        return True
