"""One NO of the faults of several sites: all of them are told, and what is suggested is one way.

What several sites suggest does not go together: one has four cores, the other eight. So what is
suggested is the way to the nearest of them, and of the others only what is wrong is told.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Final

import msgspec

from execution_broker.domain.iso8601 import read_duration, read_interval
from execution_broker.domain.messages import NO_CAPACITY
from execution_broker.domain.suggesting import REMOVE, Suggestion, suggestion_of
from execution_broker.models.message import Message

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_WHOLLY: Final = 1.0
"""By which part of itself something changes that gets another name, or is left out."""


def all_faults(
    everywhere: Sequence[Message], sites: Iterable[Sequence[Message]]
) -> tuple[Message, ...]:
    """The faults that the request has `everywhere` and those of each site, each once.

    Following the suggestions of all is a way to the nearest site; of several that make room there,
    any one is enough. Each path is suggested one value: what a later fault says of it takes the
    earlier ones into account.
    """
    nearest, *others = sorted(sites, key=_distance) or [()]
    told: dict[tuple[str | None, ...], Message] = {}
    for fault in (*_agreed([*everywhere, *nearest]), *map(_plain, chain.from_iterable(others))):
        told.setdefault((fault.kind, fault.values.get("path"), fault.message), fault)
    return tuple(told.values())


def _agreed(faults: Sequence[Message]) -> list[Message]:
    """Of one path each suggestion begins with what the request has there and ends with the last."""
    firsts: dict[str, Suggestion] = {}
    lasts: dict[str, Suggestion] = {}
    for one in filter(None, map(suggestion_of, faults)):
        firsts.setdefault(one.path, one)
        lasts[one.path] = one
    return [
        _suggesting(fault, firsts[found.path].now, lasts[found.path].to)
        if (found := suggestion_of(fault))
        else fault
        for fault in faults
    ]


def _suggesting(fault: Message, now: str | None, to: str | None) -> Message:
    change = REMOVE if to is None else {"to": to}
    before = {} if now is None else {"from": now}
    return msgspec.structs.replace(fault, values={**_plain(fault).values, **before, **change})


def _plain(fault: Message) -> Message:
    """What is wrong, without what would help."""
    values = {key: value for key, value in fault.values.items() if key not in ("to", "op")}
    return msgspec.structs.replace(fault, values=values)


def _distance(faults: Sequence[Message]) -> tuple[int, float]:
    """How many faults have no remedy; and by which parts of themselves the values are to change,
    added up."""
    needed: dict[str, float] = {}
    ways: list[float] = []
    hopeless = 0
    for fault in faults:
        found = suggestion_of(fault)
        if found is None:
            hopeless += 1
        elif fault.kind == NO_CAPACITY.kind:
            ways.append(_part(found))
        else:
            needed[found.path] = _part(found)
    return hopeless, sum(needed.values()) + min(ways, default=0.0)


def _part(change: Suggestion) -> float:
    now, to = _size(change.now), _size(change.to)
    if now is None or to is None:
        return _WHOLLY
    return abs(now - to) / max(abs(now), abs(to), 1.0)


def _size(text: str | None) -> float | None:
    """A number, or how many seconds a duration or an interval lasts."""
    for read in (float, _seconds, _length):
        try:
            return read(text or "")
        except ValueError:
            continue
    return None


def _seconds(text: str) -> float:
    return read_duration(text).total_seconds()


def _length(text: str) -> float:
    start, end = read_interval(text, _EPOCH)
    return (end - start).total_seconds() if end else 0.0
