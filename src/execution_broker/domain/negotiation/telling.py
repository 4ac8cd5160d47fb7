"""Tells whoever asked of an earlier start that only unanswered offers hold."""

from collections.abc import Iterable, Mapping
from uuid import UUID

import msgspec

from execution_broker.domain.iso8601 import write_epoch
from execution_broker.domain.messages import HELD
from execution_broker.domain.offer import Awaited, Verdict
from execution_broker.models.message import Message


def told(verdict: Verdict, names: Mapping[int, UUID]) -> Verdict:
    """The verdict with a message about what it awaits: in a NO the first, as nothing of the request
    needs to be changed for it. `names`: those of one's own answers, by their keys."""
    if verdict.awaited is None:
        return verdict
    messages = (_held(verdict.awaited, names), *verdict.messages)
    return msgspec.structs.replace(verdict, messages=messages)


def public(messages: Iterable[Message]) -> tuple[Message, ...]:
    """Those that not only whoever asked may read: without what names other answers."""
    return tuple(message for message in messages if message.kind != HELD.kind)


def _held(awaited: Awaited, names: Mapping[int, UUID]) -> Message:
    own = " ".join(sorted(str(names[key]) for key in awaited.own if key in names))
    return HELD(
        platform=awaited.platform,
        start=write_epoch(awaited.start),
        until=write_epoch(awaited.until),
        remedy=_remedy(awaited, own),
        whose=_whose(awaited),
        **({"offersets": own} if own else {}),
    )


def _whose(awaited: Awaited) -> str:
    if not awaited.by_others:
        return "yours"
    return "yours and others" if awaited.own else "others"


def _remedy(awaited: Awaited, own: str) -> str:
    if not awaited.by_others:
        return f"They are yours: to have it, reject {own or 'them'} and ask again."
    if awaited.own:
        return f"Some of them are yours ({own}); others hold the rest. Ask again then."
    return "They are not yours. Ask again then."
