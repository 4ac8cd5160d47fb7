"""Following the log of a session: every event once and in its order, whatever breaks off."""

from collections.abc import Generator
from typing import Any, Final
from uuid import UUID

import msgspec

from execution_broker.client.asking import Question, busy, open_once, take
from execution_broker.client.decoding import read
from execution_broker.client.errors import BrokerRefused, UnexpectedReply
from execution_broker.client.events import HEARTBEAT, EventReader, ServerEvent
from execution_broker.client.peer import Peer
from execution_broker.client.requests import events, name
from execution_broker.client.speaking import Course, Found, Shut, Want
from execution_broker.client.watching import Pauses
from execution_broker.domain.errors import BrokerError
from execution_broker.models.listing import Event

_STREAM: Final = "text/event-stream"


class Log:
    """The log of one session. `interval`: the shortest pause between two looks in seconds."""

    def __init__(self, peer: Peer, uuid: UUID | str, interval: float) -> None:
        self._peer = peer
        self._uuid = uuid
        self._place = f"sessions/{name(uuid)}/events"
        self._interval = interval
        self._last = 0
        self._has_stream = True

    def course(self) -> Course[Event]:
        """What has happened, then each event as it comes, until nothing can follow.

        Once there was an answer, a broker that stops answering is waited for, for two minutes.
        """
        pauses = Pauses(self._interval)
        answered = False
        while True:
            before = self._last
            try:
                page = yield from events(self._peer, self._uuid, f"{self._place}?after={before}")
                answered = True
                pauses.answered()
                yield from self._tell(page.events)
                if page.next is None:
                    return
                if page.events:
                    continue
                if self._has_stream:
                    yield from self._hear()
            except BrokerError as error:
                if not answered or not (yield from pauses.bear(error)):
                    raise
                continue
            if self._last > before:
                pauses = Pauses(self._interval)
            yield from pauses.pause()

    def _hear(self) -> Generator[Want | Found[Event], Any, None]:
        """The events of a stream, until it ends; why it did, the next page says."""
        headers = {"Accept": _STREAM, "Last-Event-ID": str(self._last)}
        question = Question(place=self._place, headers=headers, expect=(200, 204))
        try:
            reply = yield from open_once(self._peer, question)
        except (BrokerRefused, UnexpectedReply) as error:
            self._has_stream = busy(error)
            return
        self._has_stream = reply.status == 204 or _STREAM in reply.headers.get("content-type", "")
        reader = EventReader()
        while self._has_stream and (piece := (yield from take(self._peer))):
            heard = [event for event in reader.feed(piece) if event.event != HEARTBEAT]
            yield from self._tell(tuple(map(_event, heard)))
        yield Shut()

    def _tell(self, found: tuple[Event, ...]) -> Generator[Found[Event], Any, None]:
        for event in found:
            if event.number > self._last:
                self._last = event.number
                yield Found(event)


def _event(heard: ServerEvent) -> Event:
    try:
        return read(msgspec.json.decode(heard.data), Event)
    except msgspec.DecodeError as error:
        raise UnexpectedReply(f"An event of the broker is not JSON: {error}.") from None
