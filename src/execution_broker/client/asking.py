"""How anything is asked: signed, redirected, repeated where that is safe, and never twice else."""

from collections.abc import Callable, Collection, Mapping
from enum import Enum, auto
from typing import Final, TypeVar, assert_never

import httpx
import msgspec

from execution_broker.client.errors import (
    BrokerRefused,
    Unanswered,
    UnexpectedReply,
    Unreachable,
)
from execution_broker.client.peer import Peer
from execution_broker.client.speaking import (
    Ask,
    Conversation,
    Lost,
    NotSent,
    Open,
    Pause,
    Reply,
    Sign,
    Take,
)
from execution_broker.domain.errors import BrokerError
from execution_broker.models.extensions import Problem

T = TypeVar("T")

DELAYS: Final = (0.2, 0.6)
"""Seconds to wait before something is repeated, once for each."""

_LONGEST_WAIT: Final = 10
_MOST_REDIRECTIONS: Final = 5
_REDIRECTIONS: Final = frozenset({301, 302, 303, 307, 308})
_NOT_DONE: Final = frozenset({429, 503})
_BUSY: Final = _NOT_DONE | {502, 504}
_BLANK: Final = "about:blank"


class Again(Enum):
    """What a repetition would mean, when the answer was lost."""

    SAFE = auto()
    """The same as once: what reads, and what says how something shall be."""

    UNSAFE = auto()
    """Perhaps twice. What surely was not done (429, 503, never sent) is repeated all the same."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be asked of a broker. `expect`: the statuses that are answers."""

    place: str
    method: str = "GET"
    headers: Mapping[str, str] = {}
    body: bytes | None = None
    expect: Collection[int] = (200,)
    again: Again = Again.SAFE


def ask(peer: Peer, question: Question) -> Conversation[Reply]:
    """The answer, if its status is expected. Repeated while that can help and harms nobody.

    Unreachable if nothing arrived, Unanswered if a change may have been made, BrokerRefused for
    any other status.
    """
    return (yield from repeat(peer, question.again, lambda: ask_once(peer, question)))


def repeat(peer: Peer, again: Again, attempt: Callable[[], Conversation[T]]) -> Conversation[T]:
    """What the conversation that `attempt` begins ends with, begun again while that can help."""
    for delay in peer.delays:
        try:
            return (yield from attempt())
        except Unreachable:
            yield Pause(delay)
        except Unanswered:
            if not _is_safe(again):
                raise
            yield Pause(delay)
        except BrokerRefused as error:
            wait = error.retry_after or delay
            repeatable = _BUSY if _is_safe(again) else _NOT_DONE
            if error.problem.status not in repeatable or wait > _LONGEST_WAIT:
                raise
            yield Pause(wait)
    return (yield from attempt())


def ask_once(peer: Peer, question: Question) -> Conversation[Reply]:
    """The same, without a repetition."""
    reply = yield from _send(peer, question, Ask)
    if reply.status in question.expect:
        return reply
    raise refusal(reply)


def open_once(peer: Peer, question: Question) -> Conversation[Reply]:
    """The head of an answer, whose body is then taken piece by piece. The caller shuts it."""
    reply = yield from _send(peer, question, Open)
    if reply.status in question.expect:
        return reply
    body = b""
    while len(body) < peer.most and (piece := (yield from take(peer))):
        body += piece
    raise refusal(Reply(reply.status, reply.headers, body))


def take(peer: Peer) -> Conversation[bytes]:
    """The next piece of what is open; Unreachable if it breaks off."""
    try:
        piece: bytes = yield Take()
    except Lost as error:
        raise _unreachable(peer, error) from None
    return piece


def busy(error: BrokerError) -> bool:
    """Whether asking again later may help."""
    if isinstance(error, BrokerRefused):
        return error.problem.status in _BUSY
    return isinstance(error, Unreachable)


def refusal(reply: Reply) -> BrokerRefused:
    """The error that an answer with an unexpected status is."""
    after = reply.headers.get("retry-after", "")
    seconds = int(after) if after.isascii() and after.isdecimal() and len(after) < 10 else None
    return BrokerRefused(_problem(reply), seconds)


def _send(peer: Peer, question: Question, how: type[Ask]) -> Conversation[Reply]:
    """One answer, at the end of its redirections. Only what was asked of the broker is signed."""
    target = peer.resolve(question.place)
    renewed = False
    for _ in range(_MOST_REDIRECTIONS):
        signature: str | None = (yield Sign()) if peer.owns(target) else None
        reply = yield from _sent(peer, question, how, target, signature)
        if reply.status == 401 and signature is not None and not renewed:
            renewed = True
            fresh: str | None = yield Sign(again=True)
            if fresh is not None and fresh != signature:
                reply = yield from _sent(peer, question, how, target, fresh)
        place = reply.headers.get("location")
        if question.method != "GET" or reply.status not in _REDIRECTIONS or place is None:
            return reply
        target = peer.follow(place, target)
    raise UnexpectedReply(f"{peer.url} redirects in circles.")


def _sent(
    peer: Peer, question: Question, how: type[Ask], target: httpx.URL, signature: str | None
) -> Conversation[Reply]:
    headers = {**question.headers}
    if signature is not None:
        headers["Authorization"] = signature
    wanted = how(question.method, str(target), headers, question.body, peer.most)
    try:
        reply: Reply = yield wanted
    except NotSent as error:
        raise _unreachable(peer, error) from None
    except Lost as error:
        if question.method == "GET":
            raise _unreachable(peer, error) from None
        raise Unanswered(
            f"The answer of the broker at {peer.url} was lost ({error}), "
            "so it is not known whether it did what was asked.",
            "Look at the session before you ask again; unanswered offers expire by themselves.",
        ) from None
    return reply


def _is_safe(again: Again) -> bool:
    match again:
        case Again.SAFE:
            return True
        case Again.UNSAFE:
            return False
    assert_never(again)


def _unreachable(peer: Peer, error: Exception) -> Unreachable:
    return Unreachable(
        f"No broker answers at {peer.url}: {error}.",
        "Start one with `broker serve`, or give the address of one that runs.",
    )


def _problem(reply: Reply) -> Problem:
    """The problem document of an answer, or what its status alone says."""
    given = _document(reply.body)
    if given is not None:
        return msgspec.structs.replace(given, status=reply.status)
    title = httpx.codes.get_reason_phrase(reply.status) or "an unknown status"
    place = reply.headers.get("location")
    points = f" and points to {place}" if place else ""
    detail = f"The broker answered {reply.status} ({title}){points}."
    return Problem(type=_BLANK, title=title, status=reply.status, detail=detail)


def _document(body: bytes) -> Problem | None:
    try:
        values = msgspec.json.decode(body)
        if not isinstance(values, dict) or not {"title", "detail"} & set(values):
            return None
        given = {name: value for name, value in values.items() if value is not None}
        return msgspec.convert({"type": _BLANK, "title": "", "status": 0} | given, Problem)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
