"""Whether a bid is what was asked for (N6): nobody's word is taken for it."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from execution_broker.client.comparing.bids import Bid, Bounds, Nonsense
from execution_broker.client.requests import Request
from execution_broker.domain import iso8601
from execution_broker.models.execution import ExecutionRequest
from execution_broker.models.reading import read_request
from execution_broker.models.resources import Range

_SLACK: Final = 1e-9


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What can be checked of a request, in the terms of a bid. `window` is half-open."""

    window: tuple[datetime, datetime | None] | None
    duration: float
    cores: Range
    memory: Range
    storage: int
    costs: dict[str, float]
    metrics: dict[str, float]
    amounts: dict[str, Range] = {}


def wanted_of(request: Request, now: datetime) -> Wanted:
    """What to hold bids against. What is wrong with the request is for the brokers to say."""
    asked = request if isinstance(request, ExecutionRequest) else read_request(request).request
    schedule = asked.schedule.requested if asked.schedule else None
    compute = asked.compute
    return Wanted(
        window=_window(schedule.start if schedule else None, now),
        duration=_duration(schedule.duration if schedule else None),
        cores=(compute.cores if compute else None) or Range(),
        memory=(compute.memory if compute else None) or Range(),
        amounts=dict(compute.amounts) if compute else {},
        storage=sum(part.size.min or 0 for part in asked.storage if part.size),
        costs={c.type: c.max for c in asked.costs if c.type and c.max is not None},
        metrics={m.type: m.min for m in asked.metrics if m.type and m.min is not None},
    )


def judge(bid: Bid, wanted: Wanted, others: Sequence[Bid]) -> None:
    """Nonsense, with the first reason, if the bid is not what was asked for, or one of the others
    of its broker once more."""
    if any(bid.uuid == other.uuid for other in others):
        raise Nonsense("it has the UUID of another")
    for fault in _faults(bid, wanted):
        raise Nonsense(fault)


def _faults(bid: Bid, wanted: Wanted) -> Iterator[str]:
    if wanted.window is not None:
        first, end = wanted.window
        if bid.start < first:
            yield "it starts before the window that was asked for"
        if end is not None and (bid.latest > end or bid.start >= end):
            yield "it may start after the window that was asked for"
    if bid.duration < wanted.duration:
        yield "it is shorter than was asked for"
    sizes = {"cores": wanted.cores, "memory": wanted.memory, **wanted.amounts}
    offered = {"cores": bid.cores, "memory": bid.memory, **bid.amounts}
    yield from (fault for what in sizes for fault in _size(what, offered.get(what, 0), sizes[what]))
    if bid.storage < wanted.storage:
        yield "it has less storage than was asked for"
    nothing = Bounds(float("inf"), float("inf"))
    for type_, most in wanted.costs.items():
        if bid.costs.get(type_, nothing).max > most + _SLACK:
            yield f"it may cost more {_word(type_)} than was asked for, or does not say"
    for type_, least in wanted.metrics.items():
        if bid.metrics.get(type_, Bounds(0, 0)).min < least - _SLACK:
            yield f"it has less {_word(type_)} than was asked for, or does not say"


def _size(what: str, offered: int, wanted: Range) -> Iterator[str]:
    if wanted.min is not None and offered < wanted.min:
        yield f"it has less {what} than was asked for"
    if wanted.max is not None and offered > wanted.max:
        yield f"it has more {what} than was asked for"


def _window(text: str | None, now: datetime) -> tuple[datetime, datetime | None] | None:
    """A window that is open at its beginning has no first instant to hold a bid against."""
    if not text:
        return None
    try:
        start, end = iso8601.read_interval(text, now)
    except ValueError:
        return None
    if text.startswith((iso8601.OPEN, "/")):
        start = now - timedelta(days=1)
    return start, end


def _duration(text: str | None) -> float:
    try:
        return iso8601.read_duration(text).total_seconds() if text else 0.0
    except ValueError:
        return 0.0


def _word(type_: str) -> str:
    return type_.rpartition(":")[2] or type_
