"""Suggestions: what a message says would take its fault away."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from execution_broker.models.message import Message

REMOVE: Final[Mapping[str, str]] = {"op": "remove"}
"""The further values of a message that suggests to leave out what is at its `path`."""


class Suggestion(NamedTuple):
    """Set `path` of the request to `to`, or leave it out where that is None. `now`: what the
    request has there, if anything."""

    path: str
    to: str | None
    now: str | None


def suggestion_of(message: Message) -> Suggestion | None:
    """What a message suggests; None where it only says what is wrong."""
    path, to, now = (message.values.get(name) for name in ("path", "to", "from"))
    is_removed = message.values.get("op") == REMOVE["op"]
    if path is None or (to is None and not is_removed):
        return None
    return Suggestion(path, None if is_removed else to, now)
