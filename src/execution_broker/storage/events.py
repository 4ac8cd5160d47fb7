"""The logs of sessions: their events, numbered without gaps (S11)."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from execution_broker.storage.database import Connection, Part, Row
from execution_broker.storage.documents import decode, encode
from execution_broker.storage.records import LockedOffer, NewEvent


async def after(connection: Connection, session: int, number: int) -> list[NewEvent]:
    """The log of a session after a number."""
    rows = await connection.rows("events", session=session, after=number)
    return [_event(row) for row in rows]


async def numbered(connection: Connection, session: int) -> list[tuple[int, NewEvent]]:
    """The whole log of a session, with the numbers as they are stored."""
    rows = await connection.rows("events", session=session, after=0)
    return [(row["number"], _event(row)) for row in rows]


async def add_new(connection: Connection, changed: Sequence[LockedOffer]) -> None:
    """Append what is new in the logs of loaded sessions, whose `events` counts it already."""
    await connection.many(*of_sessions(changed))


def of_sessions(changed: Sequence[LockedOffer]) -> Part:
    """What appends what is new in the logs of loaded sessions; then it is new no more."""
    new = [
        (session.id, number, event)
        for session in changed
        for number, event in enumerate(
            session.new_events, session.events - len(session.new_events) + 1
        )
    ]
    for session in changed:
        session.new_events = []
    return _adding(new)


def of_locked(
    counts: Mapping[int, int], new: Sequence[tuple[int, NewEvent]], now: datetime
) -> tuple[Part, Part]:
    """What appends to the logs of locked sessions that are not loaded, and what counts it.
    `counts`: how long these logs are."""
    lengths = dict(counts)
    numbered_ = []
    for session, event in new:
        lengths[session] += 1
        numbered_.append((session, lengths[session], event))
    told = {session for session, _ in new}
    counting = [{"id": one, "events": lengths[one], "now": now} for one in sorted(told)]
    return ("count_events", counting), _adding(numbered_)


def _adding(new: Sequence[tuple[int, int, NewEvent]]) -> Part:
    return (
        "add_event",
        [
            {
                "session": session,
                "number": number,
                "type": event.type,
                "component": event.component,
                "body": encode(event.body),
                "now": event.time,
            }
            for session, number, event in new
        ],
    )


def _event(row: Row) -> NewEvent:
    return NewEvent(row["type"], row["component"], decode(row["body"], dict), row["happened_at"])
