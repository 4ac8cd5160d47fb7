"""Too late: a session that has not started by its promised end fails there and then."""

import asyncio
from collections.abc import Awaitable, Iterator
from datetime import UTC, datetime

from execution_broker.domain import messages
from execution_broker.domain.iso8601 import write_instant
from execution_broker.models.phases import ComponentPhase
from execution_broker.ports.platform import NotYet, Outcome
from execution_broker.steps.orders import Loaded, component_of
from execution_broker.storage.batch import Batch
from execution_broker.storage.records import StoredSession
from execution_broker.transitions.ending import fail


def latest_end(session: StoredSession) -> datetime:
    """Never later than the latest start plus the duration."""
    return datetime.fromtimestamp(session.terms.latest + session.terms.duration, UTC)


async def has_missed(connection: Batch, session: StoredSession, now: datetime) -> bool:
    """Whether a session that has not started can be started no more; then it is FAILED now."""
    if now < latest_end(session):
        return False
    late = list(_not_ready(session))
    told = messages.TOO_LATE(
        end=write_instant(latest_end(session)),
        reason=", ".join(f"{_words(session, key)} was not ready" for key in late)
        or "it was ready, but not started yet",
    )
    at_fault = next((key for key in late if _phase(session, key) is ComponentPhase.PREPARING), None)
    await fail(connection, session, told, now, at_fault)
    connection.save(session, now)
    return True


async def in_time(loaded: Loaded, call: Awaitable[Outcome]) -> Outcome:
    """What a call results in that is of no use after the end of the session: it is cut off then,
    and NotYet."""
    limit = asyncio.timeout(loaded.left.total_seconds())
    try:
        async with limit:
            return await call
    except TimeoutError:
        if limit.expired():
            return NotYet()
        raise


def _not_ready(session: StoredSession) -> Iterator[str]:
    ready = (ComponentPhase.AVAILABLE, ComponentPhase.RUNNING)
    return (key for key, component in session.components.items() if component.phase not in ready)


def _phase(session: StoredSession, key: str) -> ComponentPhase:
    return session.components[key].phase


def _words(session: StoredSession, key: str) -> str:
    """What a component is called, and how far it was."""
    meta = component_of(session.document, key).meta
    name = f"{key.partition('/')[0]} {meta.name}" if meta and meta.name else key
    progress = session.components[key].progress
    if progress is None:
        return name
    total = "" if progress.total is None else f" of {progress.total}"
    return f"{name} ({progress.done}{total} {progress.units})"
