"""An offer in the form in which offers of different brokers are compared."""

from datetime import datetime, timedelta
from math import isfinite
from typing import Final
from uuid import UUID

import msgspec

from execution_broker.domain import iso8601
from execution_broker.models.component import Cost, Metric
from execution_broker.models.execution import ExecutionSession
from execution_broker.models.phases import SessionPhase
from execution_broker.models.resources import Range

_LARGEST: Final = 2**53
_MOST_TYPES: Final = 32


class Nonsense(Exception):
    """What was offered cannot be compared. The text says what is wrong with it."""


class Bounds(msgspec.Struct, frozen=True):
    """What a cost or a metric will be, between these two."""

    min: float
    max: float


class Bid(msgspec.Struct, frozen=True, kw_only=True):
    """An offer of one broker, by its name. Cores, GiB, seconds; costs and metrics by their type,
    further amounts by name.

    It may start in [`start`, `latest`]. `is_dominated`: another one is in nothing worse and in
    something better.
    """

    broker: str
    uuid: UUID
    start: datetime
    latest: datetime
    duration: float
    expires: datetime
    cores: int
    memory: int
    storage: int
    costs: dict[str, Bounds]
    metrics: dict[str, Bounds]
    amounts: dict[str, int] = {}
    is_dominated: bool = False


def bid_of(broker: str, offer: ExecutionSession, now: datetime) -> Bid:
    """The offer as a bid; Nonsense if it does not say all that an offer must."""
    if offer.phase is not SessionPhase.OFFERED:
        raise Nonsense(f"it is {offer.phase}, not OFFERED")
    start, latest, duration = _schedule(offer, now)
    return Bid(
        broker=broker,
        uuid=_uuid(offer),
        start=start,
        latest=latest,
        duration=duration.total_seconds(),
        expires=_expires(offer, now),
        cores=_least("cores", offer.compute.cores if offer.compute else None),
        memory=_least("memory", offer.compute.memory if offer.compute else None),
        storage=sum(_least("storage", part.size) for part in offer.storage),
        costs=_bounds(offer.costs),
        metrics=_bounds(offer.metrics),
        amounts=_amounts(offer),
    )


def _uuid(offer: ExecutionSession) -> UUID:
    try:
        return UUID(offer.meta.uuid if offer.meta and offer.meta.uuid else "")
    except ValueError:
        raise Nonsense("it has no UUID") from None


def _expires(offer: ExecutionSession, now: datetime) -> datetime:
    if offer.expires is None or offer.expires.tzinfo is None:
        raise Nonsense("it does not say when it expires")
    if offer.expires <= now:
        raise Nonsense("it has expired already")
    return offer.expires


def _schedule(offer: ExecutionSession, now: datetime) -> tuple[datetime, datetime, timedelta]:
    available = offer.schedule.available if offer.schedule else None
    if available is None or not available.start or not available.duration:
        raise Nonsense("it does not say when it starts and how long it lasts")
    try:
        duration = iso8601.read_duration(available.duration)
        if "/" in available.start:
            start, end = _interval(available.start, now)
        else:
            start = end = iso8601.read_instant(available.start)
    except ValueError as error:
        raise Nonsense(f"its schedule cannot be read: {error}") from None
    return start, end, duration


def _interval(text: str, now: datetime) -> tuple[datetime, datetime]:
    """An interval; a fixed start may be written with two ends that are the same."""
    first, _, second = text.partition("/")
    if first == second:
        start = iso8601.read_instant(first)
        return start, start
    start, end = iso8601.read_interval(text, now)
    if end is None:
        raise Nonsense("it does not say when it starts at the latest")
    return start, end


def _least(what: str, size: Range | None) -> int:
    """What is promised: the least of it. Nothing said is nothing promised."""
    if size is None or size.min is None:
        return 0
    if not 0 <= size.min <= _LARGEST or (size.max is not None and size.max < size.min):
        raise Nonsense(f"its {what} make no sense")
    return size.min


def _amounts(offer: ExecutionSession) -> dict[str, int]:
    further = offer.compute.amounts if offer.compute else {}
    return {name: _least(name[:40], size) for name, size in list(further.items())[:_MOST_TYPES]}


def _bounds(values: tuple[Cost, ...] | tuple[Metric, ...]) -> dict[str, Bounds]:
    found: dict[str, Bounds] = {}
    for value in values[:_MOST_TYPES]:
        given = [bound for bound in (value.min, value.max) if bound is not None]
        if not value.type or not given:
            continue
        low, high = given[0], given[-1]
        if not (isfinite(low) and isfinite(high) and low <= high) or value.type in found:
            raise Nonsense(f"its {value.type.rpartition(':')[2][:40]} makes no sense")
        found[value.type] = Bounds(low, high)
    return found
