"""Everything that a broker can be asked, each once, for every shell."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode
from uuid import UUID

import msgspec

from execution_broker.client.asking import Again, Question, ask, ask_once, refusal
from execution_broker.client.decoding import Notice, read, read_offerset, read_session
from execution_broker.client.errors import (
    BrokerRefused,
    Unanswered,
    UnexpectedReply,
    Unreachable,
)
from execution_broker.client.peer import Peer
from execution_broker.client.speaking import Conversation, Pause, Reply
from execution_broker.domain.errors import BrokerError, NotFound
from execution_broker.domain.iso8601 import write_instant
from execution_broker.models.execution import ExecutionRequest, ExecutionSession, OfferSetResponse
from execution_broker.models.extensions import (
    Account,
    AccountRequest,
    Identity,
    IdentityChange,
    IdentityList,
    PasswordChange,
    PlatformList,
    Problem,
    ResultFile,
    ResultList,
    Subscription,
    SubscriptionList,
    SubscriptionRequest,
)
from execution_broker.models.listing import EventList, OfferSetList, SessionList
from execution_broker.models.phases import SessionPhase
from execution_broker.models.update import DeltaUpdate, EnumUpdate, Update

Request = ExecutionRequest | Mapping[str, Any]
"""A request as a struct, or as plain values that are sent as they are."""

PATIENCE: Final = 300.0
"""Seconds that results are waited for."""

T = TypeVar("T")

_KEY: Final = "Idempotency-Key"


def offers(
    peer: Peer, notice: Notice, request: Request, key: str
) -> Conversation[OfferSetResponse]:
    """Ask for offers."""
    reply = yield from _once(peer, "requests", request, key, (200, 201, 303))
    answer = yield from _answer(peer, reply)
    return read_offerset(answer.values(), notice)


def direct(
    peer: Peer, notice: Notice, request: Request, key: str
) -> Conversation[ExecutionSession]:
    """Ask for a session without choosing among offers."""
    reply = yield from _once(peer, "direct", request, key, (200, 201, 303, 400))
    if reply.status == 400 and not _is_session(reply):
        raise refusal(reply)
    answer = yield from _answer(peer, reply)
    return read_session(answer.values(), notice)


def offerset(peer: Peer, notice: Notice, uuid: UUID | str) -> Conversation[OfferSetResponse]:
    reply = yield from ask(peer, Question(place=f"offersets/{name(uuid)}"))
    return read_offerset(reply.values(), notice)


def session(peer: Peer, notice: Notice, uuid: UUID | str) -> Conversation[ExecutionSession]:
    reply = yield from ask(peer, Question(place=f"sessions/{name(uuid)}"))
    return read_session(reply.values(), notice)


def move(
    peer: Peer, notice: Notice, uuid: UUID | str, phase: SessionPhase
) -> Conversation[ExecutionSession]:
    """Bring a session into a phase. Whoever is there already is there, whoever asked."""
    try:
        return (yield from update(peer, notice, uuid, EnumUpdate(path="phase", value=phase.value)))
    except BrokerRefused as error:
        if error.problem.status != 409:
            raise
        now = yield from session(peer, notice, uuid)
        if now.phase is not phase:
            raise
        return now


def update(
    peer: Peer, notice: Notice, uuid: UUID | str, change: Update, if_match: str | None = None
) -> Conversation[ExecutionSession]:
    """Change one value of a session. What is relative is never sent again on a mere guess."""
    again = Again.UNSAFE if isinstance(change, DeltaUpdate) and if_match is None else Again.SAFE
    question = _post(f"sessions/{name(uuid)}", change, (200,), again)
    if if_match is not None:
        headers = {**question.headers, "If-Match": if_match}
        question = msgspec.structs.replace(question, headers=headers)
    reply = yield from ask(peer, question)
    return read_session(reply.values(), notice)


def results(peer: Peer, uuid: UUID | str) -> Conversation[ResultList]:
    """What is kept. Once the session has ended it is waited for, some minutes at most."""
    question = Question(place=f"sessions/{name(uuid)}/results", expect=(200, 202))
    waiting = msgspec.structs.replace(question, headers={"Prefer": f"wait={peer.wait}"})
    listed = read((yield from ask(peer, question)).values(), ResultList)
    waited = 0.0
    while listed.state == "COLLECTING" and waited < PATIENCE:
        reply = yield from ask(peer, waiting)
        listed = read(reply.values(), ResultList)
        has_waited = "wait" in reply.headers.get("preference-applied", "")
        waited += peer.wait if has_waited else 1.0
        if listed.state == "COLLECTING" and not has_waited:
            yield Pause(1.0)
    return listed


def result(peer: Peer, uuid: UUID | str, path: str) -> Conversation[ResultFile]:
    """One of the results; NotFound if there is no such."""
    listed = yield from results(peer, uuid)
    for file in listed.results:
        if file.path == path:
            return file
    raise NotFound(f"The session {uuid} has no result {path}.", "List them with `broker results`.")


class Which(msgspec.Struct, frozen=True):
    """Of what a list is: made in [since, until), in one of these phases, under this name.

    Empty or None: any. `limit` is the most on a page. Offer sets have neither phase nor name.
    """

    phases: Sequence[SessionPhase] = ()
    name: str = ""
    since: datetime | None = None
    until: datetime | None = None
    limit: int | None = None

    def query(self) -> str:
        """With its question mark, if anything is asked."""
        values = {
            "phase": [phase.value for phase in self.phases],
            "name": self.name,
            "since": self.since and write_instant(self.since),
            "until": self.until and write_instant(self.until),
            "limit": self.limit,
        }
        asked = {key: value for key, value in values.items() if value}
        return f"?{urlencode(asked, doseq=True)}" if asked else ""


EVERY: Final = Which()


def sessions(peer: Peer, which: Which, page: str | None) -> Conversation[SessionList]:
    """A page of one's sessions: the first of those that are asked for, or the one at `page`."""
    return _read(peer, page or f"sessions{which.query()}", SessionList)


def offersets(peer: Peer, which: Which, page: str | None) -> Conversation[OfferSetList]:
    return _read(peer, page or f"offersets{which.query()}", OfferSetList)


def events(peer: Peer, uuid: UUID | str, page: str | None) -> Conversation[EventList]:
    return _read(peer, page or f"sessions/{name(uuid)}/events", EventList)


def platforms(peer: Peer) -> Conversation[PlatformList]:
    return _read(peer, "platforms", PlatformList)


def identity(peer: Peer) -> Conversation[Identity]:
    """Who one is."""
    return _read(peer, "identity", Identity)


def identities(peer: Peer, after: str | None) -> Conversation[IdentityList]:
    query = f"?{urlencode({'after': after})}" if after else ""
    return _read(peer, f"admin/identities{query}", IdentityList)


def create_identity(peer: Peer, username: str, password: str) -> Conversation[Account]:
    body = AccountRequest(username=username, password=password)
    question = _post("admin/identities", body, (200, 201, 409), Again.UNSAFE)
    reply = yield from ask(peer, question)
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


def change_identity(peer: Peer, uuid: UUID | str, change: IdentityChange) -> Conversation[Identity]:
    question = _post(f"admin/identities/{name(uuid)}", change, (200,), Again.SAFE)
    return read((yield from ask(peer, question)).values(), Identity)


def change_password(peer: Peer, password: str) -> Conversation[Identity]:
    """A repetition would be signed with the old password: it is not sent again."""
    body = PasswordChange(password=password)
    question = _post("identity/password", body, (200,), Again.UNSAFE)
    return read((yield from ask(peer, question)).values(), Identity)


def subscribe(peer: Peer, wanted: SubscriptionRequest) -> Conversation[Subscription]:
    question = _post("identity/subscriptions", wanted, (201,), Again.UNSAFE)
    return read((yield from ask(peer, question)).values(), Subscription)


def subscriptions(peer: Peer) -> Conversation[SubscriptionList]:
    return _read(peer, "identity/subscriptions", SubscriptionList)


def unsubscribe(peer: Peer, uuid: UUID | str) -> Conversation[None]:
    question = Question(
        place=f"identity/subscriptions/{name(uuid)}", method="DELETE", expect=(204,)
    )
    yield from ask(peer, question)


def ready(peer: Peer) -> Conversation[bool]:
    """Whether it can take requests now. Asked once."""
    try:
        reply = yield from ask_once(peer, Question(place="readyz", expect=(200, 503)))
    except Unreachable:
        return False
    return reply.status == 200


def name(uuid: UUID | str) -> str:
    """A UUID, or what a user takes for one, as a part of a path."""
    return quote(str(uuid), safe="")


def _read(peer: Peer, place: str, type_: type[T]) -> Conversation[T]:
    reply = yield from ask(peer, Question(place=place))
    return read(reply.values(), type_)


def _once(
    peer: Peer, place: str, request: Request, key: str, expect: tuple[int, ...]
) -> Conversation[Reply]:
    """Send a request under a key. It is sent again after a lost answer only to a broker whose
    own description says that it honours keys: another one might run it twice."""
    body = request if isinstance(request, ExecutionRequest) else dict(request)
    question = _post(place, body, expect, Again.UNSAFE)
    headers = {**question.headers, _KEY: key}
    question = msgspec.structs.replace(question, headers=headers)
    try:
        return (yield from ask(peer, question))
    except Unanswered:
        if not (yield from _honours_keys(peer, place)):
            raise
    return (yield from ask(peer, msgspec.structs.replace(question, again=Again.SAFE)))


def _honours_keys(peer: Peer, place: str) -> Conversation[bool]:
    try:
        reply = yield from ask(peer, Question(place="openapi.json"))
        described = read(reply.values(), _Description)
    except BrokerError:
        return False
    paths = described.paths.get(f"/{place}", {})
    operation = paths.get("post")
    parameters = operation.parameters if operation else ()
    return any(p.name.lower() == _KEY.lower() and p.place == "header" for p in parameters)


class _Parameter(msgspec.Struct, frozen=True):
    name: str = ""
    place: str = msgspec.field(name="in", default="")


class _Operation(msgspec.Struct, frozen=True):
    parameters: tuple[_Parameter, ...] = ()


class _Description(msgspec.Struct, frozen=True):
    """What matters here of an OpenAPI document."""

    paths: dict[str, dict[str, _Operation]] = {}


def _post(place: str, body: object, expect: tuple[int, ...], again: Again) -> Question:
    return Question(
        place=place,
        method="POST",
        headers={"Content-Type": "application/json"},
        body=msgspec.json.encode(body),
        expect=expect,
        again=again,
    )


def _answer(peer: Peer, reply: Reply) -> Conversation[Reply]:
    """The answer itself: a redirection of ours has it as body, others are followed."""
    place = reply.headers.get("location")
    if reply.status != 303 or _is_object(reply):
        return reply
    if place is None:
        raise UnexpectedReply(
            "The broker answered 303 without a Location.",
            "Check that the address is that of an Execution Broker.",
        )
    target = peer.follow(place, peer.base)
    return (yield from ask(peer, Question(place=str(target))))


def _is_object(reply: Reply) -> bool:
    kind = reply.headers.get("content-type", "")
    return "json" in kind and reply.body.lstrip().startswith(b"{")


def _is_session(reply: Reply) -> bool:
    values = reply.values() if _is_object(reply) else None
    return isinstance(values, dict) and "phase" in values
