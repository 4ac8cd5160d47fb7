"""The client: one typed method for each thing that a broker can be asked."""

import logging
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import quote
from uuid import UUID

from execution_broker.client.decoding import Notice, read, read_offerset, read_session
from execution_broker.client.errors import BrokerRefused, UnexpectedReply, Unreachable
from execution_broker.client.fetching import Progress, fetch
from execution_broker.client.streams import Part, StreamName, read_from
from execution_broker.client.transport import Reply, Sleep, Transport, refusal
from execution_broker.client.watching import Look, follow, watch
from execution_broker.domain.errors import NotFound
from execution_broker.models.execution import ExecutionRequest, ExecutionSession, OfferSetResponse
from execution_broker.models.extensions import (
    Account,
    AccountRequest,
    Problem,
    ResultFile,
    ResultList,
)
from execution_broker.models.phases import SessionPhase
from execution_broker.models.reading import UnknownKind
from execution_broker.models.update import EnumUpdate, Update

_LOG: Final = logging.getLogger("execution_broker.client")

Request = ExecutionRequest | Mapping[str, Any]
"""A request as a struct, or as plain values that are sent as they are."""


class BrokerClient:
    """A broker at `url`, asked as `username` (or as nobody).

    Every method raises a BrokerError with a sentence and a next action: Unreachable, Unanswered
    (a change whose answer was lost), BrokerRefused (with the broker's problem document) or
    UnexpectedReply. Reading is repeated a few times; a change is sent once, never again.

    `timeout` in seconds for each wait on the network. `notice` is told of each component that
    was left out of an answer because its kind is not known here; without it they are logged.
    Not for use by several threads at once.
    """

    def __init__(
        self,
        url: str,
        username: str | None = None,
        password: str | None = None,
        timeout: float = 30.0,
        *,
        notice: Notice | None = None,
        sleep: Sleep = time.sleep,
    ) -> None:
        self._transport = Transport(url, username, password, timeout=timeout, sleep=sleep)
        self._notice = notice or _log
        self._sleep = sleep

    @property
    def url(self) -> str:
        """The address of the broker, without credentials."""
        return self._transport.url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give back the connections. Idempotent."""
        self._transport.close()

    def request(self, request: Request) -> OfferSetResponse:
        """Ask for offers: YES with sessions in phase OFFERED, or NO with messages that say why."""
        reply = self._transport.post("requests", _body(request), expect=(200, 201, 303))
        return read_offerset(self._answer(reply).values(), self._notice)

    def offerset(self, uuid: UUID | str) -> OfferSetResponse:
        """An offer set as it is now."""
        reply = self._transport.get(f"offersets/{_name(uuid)}")
        return read_offerset(reply.values(), self._notice)

    def direct(self, request: Request) -> ExecutionSession:
        """Ask for a session without choosing among offers.

        It is ACCEPTED, or FAILED with messages that say why; then nothing was stored.
        """
        reply = self._transport.post("direct", _body(request), expect=(200, 201, 303, 400))
        if reply.status == 400 and not _is_session(reply):
            raise refusal(reply)
        return read_session(self._answer(reply).values(), self._notice)

    def session(self, uuid: UUID | str) -> ExecutionSession:
        """A session as it is now."""
        reply = self._transport.get(f"sessions/{_name(uuid)}")
        return read_session(reply.values(), self._notice)

    def accept(self, uuid: UUID | str) -> ExecutionSession:
        """Accept an offer. Our brokers answer a repetition with the session as it is."""
        return self._move(uuid, SessionPhase.ACCEPTED)

    def reject(self, uuid: UUID | str) -> ExecutionSession:
        """Give an offer back, with what it holds."""
        return self._move(uuid, SessionPhase.REJECTED)

    def cancel(self, uuid: UUID | str) -> ExecutionSession:
        """End a session or an offer now; what it used is released afterwards."""
        return self._move(uuid, SessionPhase.CANCELLED)

    def update(self, uuid: UUID | str, update: Update) -> ExecutionSession:
        """Change one value of a session: one of those that `meta.options` lists."""
        reply = self._transport.post(f"sessions/{_name(uuid)}", update, expect=(200,))
        return read_session(reply.values(), self._notice)

    def watch(self, uuid: UUID | str, interval: float = 0.5) -> Iterator[ExecutionSession]:
        """The session now and at every change, until it has ended; see `watching.watch`."""
        place = f"sessions/{_name(uuid)}"
        return watch(lambda etag: self._look(place, etag), interval=interval, sleep=self._sleep)

    def results(self, uuid: UUID | str) -> ResultList:
        """What is kept of the outputs of a session."""
        return read(self._transport.get(f"sessions/{_name(uuid)}/results").values(), ResultList)

    def fetch(
        self,
        uuid: UUID | str,
        path: str | ResultFile,
        target: Path,
        progress: Progress = lambda *_: None,
    ) -> Path:
        """Fetch one result to the file `target`, verified; see `fetching.fetch`.

        A ResultFile out of `results` spares looking its path up. NotFound if there is no such.
        """
        file = self._result(uuid, path) if isinstance(path, str) else path
        return fetch(self._transport, file, target, progress)

    def stream(self, uuid: UUID | str, name: StreamName, offset: int = 0) -> bytes:
        """What a session wrote to `stdout` or `stderr`, from a byte on."""
        return self._part(uuid, name, offset).data

    def follow(self, uuid: UUID | str, name: StreamName, interval: float = 0.5) -> Iterator[bytes]:
        """What a session writes, as it comes, until it has ended."""
        return follow(
            lambda known: self._part(uuid, name, known),
            lambda: self.session(uuid),
            interval=interval,
            sleep=self._sleep,
        )

    def create_identity(self, username: str, password: str) -> Account:
        """Add somebody who may use the broker. For its administrator alone."""
        body = AccountRequest(username=username, password=password)
        reply = self._transport.post("admin/identities", body, expect=(200, 201, 409))
        if reply.status == 409:
            raise BrokerRefused(
                Problem(
                    type="about:blank",
                    title="Conflict",
                    status=409,
                    detail=f"There is an identity {username} already.",
                    remedy="Choose another name.",
                )
            )
        return read(reply.values(), Account)

    def ready(self) -> bool:
        """Whether the broker answers and can take requests now. Asked once, never repeated."""
        try:
            return self._transport.get_once("readyz", expect=(200, 503)).status == 200
        except Unreachable:
            return False

    def _part(self, uuid: UUID | str, name: StreamName, offset: int) -> Part:
        return read_from(self._transport, f"streams/{_name(uuid)}/{name}", offset)

    def _move(self, uuid: UUID | str, phase: SessionPhase) -> ExecutionSession:
        return self.update(uuid, EnumUpdate(path="phase", value=phase.value))

    def _answer(self, reply: Reply) -> Reply:
        """The answer itself: a redirection of ours has it as body, others are followed."""
        place = reply.headers.get("location")
        if reply.status != 303 or _is_object(reply):
            return reply
        if place is None:
            raise UnexpectedReply(
                "The broker answered 303 without a Location.",
                "Check that the address is that of an Execution Broker.",
            )
        return self._transport.get(place)

    def _look(self, place: str, etag: str | None) -> Look:
        headers = {"If-None-Match": etag} if etag else None
        reply = self._transport.get(place, headers, expect=(200, 304))
        if reply.status == 304:
            return Look(session=None, etag=etag)
        return Look(read_session(reply.values(), self._notice), reply.headers.get("etag"))

    def _result(self, uuid: UUID | str, path: str) -> ResultFile:
        for file in self.results(uuid).results:
            if file.path == path:
                return file
        raise NotFound(
            f"The session {uuid} has no result {path}.", "List them with `broker results`."
        )


def _name(uuid: UUID | str) -> str:
    return quote(str(uuid), safe="")


def _body(request: Request) -> object:
    return request if isinstance(request, ExecutionRequest) else dict(request)


def _is_object(reply: Reply) -> bool:
    kind = reply.headers.get("content-type", "")
    return "json" in kind and reply.body.lstrip().startswith(b"{")


def _is_session(reply: Reply) -> bool:
    values = reply.values() if _is_object(reply) else None
    return isinstance(values, dict) and "phase" in values


def _log(unknown: UnknownKind) -> None:
    _LOG.warning("%s has the kind %s, which is not known here", unknown.place, unknown.kind)
