"""Offer sets and sessions: their documents, their living parts, their events."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from execution_broker.domain.offer import Terms
from execution_broker.models.execution import Connector, ExecutionSession, OfferSetResponse
from execution_broker.models.message import Message
from execution_broker.models.phases import ComponentPhase, SessionPhase
from execution_broker.storage.database import Connection, Row
from execution_broker.storage.documents import decode, decode_optional, encode
from execution_broker.storage.records import (
    FORMAT,
    Located,
    NewEvent,
    NewOfferSet,
    Origin,
    Progress,
    StoredComponent,
    StoredOfferSet,
    StoredSession,
)


async def add_offersets(connection: Connection, new: Sequence[NewOfferSet]) -> list[int]:
    """Store answers; their keys, in the same order."""
    rows = await connection.each(
        "add_offerset",
        [
            {
                "uuid": one.uuid,
                "identity": one.identity,
                "result": one.document.result,
                "format": FORMAT,
                "document": encode(one.document),
                "plans": one.plans,
                "now": one.now,
                "expires": one.expires,
            }
            for one in new
        ],
    )
    return [int(row["id"]) for row in rows]


async def add_sessions(connection: Connection, new: Sequence[StoredSession]) -> None:
    """Store new sessions with their components and events. Their `id` is known afterwards."""
    for session in new:
        session.events += len(session.new_events)
    rows = await connection.each(
        "add_session",
        [
            {
                "uuid": session.uuid,
                "offerset": session.offerset,
                "identity": session.identity,
                "platform": session.platform,
                "phase": session.phase,
                "events": session.events,
                "format": FORMAT,
                "document": encode(session.document),
                "terms": encode(session.terms),
                "messages": encode(session.messages),
                "now": session.created,
                "expires": session.expires,
                "accepted": session.accepted,
            }
            for session in new
        ],
    )
    for session, row in zip(new, rows, strict=True):
        session.id = int(row["id"])
    await connection.many(
        "add_component",
        [
            {"session": session.id, "key": part.key, "uuid": part.uuid, "phase": part.phase}
            for session in new
            for part in session.components.values()
        ],
    )
    await _save_traces(connection, new)
    await _add_events(connection, new)


async def by_uuid(connection: Connection, uuid: UUID) -> StoredSession | None:
    row = await connection.row("session_by_uuid", uuid=uuid)
    return None if row is None else (await _with_components(connection, [row]))[0]


async def locate(connection: Connection, uuid: UUID) -> Located | None:
    row = await connection.row("locate_session", uuid=uuid)
    if row is None:
        return None
    return Located(
        id=row["id"],
        uuid=uuid,
        offerset=row["offerset_id"],
        identity=row["identity_id"],
        phase=SessionPhase(row["phase"]),
    )


async def by_id(connection: Connection, id_: int) -> StoredSession | None:
    row = await connection.row("session_by_id", id=id_)
    return None if row is None else (await _with_components(connection, [row]))[0]


async def of_offerset(connection: Connection, offerset: int) -> list[StoredSession]:
    """All offers of an answer, in the order they were offered."""
    return await of_offersets(connection, [offerset])


async def of_offersets(connection: Connection, ids: Iterable[int]) -> list[StoredSession]:
    """All offers of some answers, in the order they were offered."""
    return await _with_components(
        connection, await connection.rows("sessions_of_offersets", offersets=sorted(ids))
    )


async def lock_offersets(connection: Connection, ids: Iterable[int]) -> None:
    """Lock answers and then their offers, each in id order; read them afterwards."""
    wanted = sorted(ids)
    await connection.rows("lock_offersets", ids=wanted)
    await connection.rows("lock_sessions_of", offersets=wanted)


async def lock(connection: Connection, ids: Iterable[int]) -> None:
    """Lock sessions in id order; read them afterwards."""
    await connection.rows("lock_sessions", ids=sorted(ids))


async def locked(connection: Connection, id_: int) -> StoredSession | None:
    await lock(connection, [id_])
    return await by_id(connection, id_)


async def offerset_by_uuid(connection: Connection, uuid: UUID) -> StoredOfferSet | None:
    row = await connection.row("offerset_by_uuid", uuid=uuid)
    return None if row is None else _offerset(row)


async def save(connection: Connection, session: StoredSession, now: datetime) -> None:
    """Write the living part and append the new events with the next numbers (S11)."""
    if session.new_events:
        session.modified = now
    await save_all(connection, [session])
    await connection.many(
        "save_component",
        [
            {
                "id": component.id,
                "phase": component.phase,
                "handle": component.handle,
                "progress": encode(component.progress) if component.progress else None,
                "messages": encode(component.messages),
            }
            for component in session.components.values()
        ],
    )


async def save_all(connection: Connection, changed: Sequence[StoredSession]) -> None:
    """Write the living parts of sessions whose components have not changed, and their events."""
    for session in changed:
        session.events += len(session.new_events)
    await connection.many(
        "save_session",
        [
            {
                "id": session.id,
                "phase": session.phase,
                "events": session.events,
                "terms": encode(session.terms),
                "name": session.name,
                "description": session.description,
                "facts": encode(session.facts),
                "connectors": encode(session.connectors),
                "messages": encode(session.messages),
                "modified": session.modified,
                "accepted": session.accepted,
                "started": session.started,
                "ends": session.ends,
                "ended": session.ended,
                "released": session.released,
                "is_promise_broken": int(session.is_promise_broken),
            }
            for session in changed
        ],
    )
    await _save_traces(connection, changed)
    await _add_events(connection, changed)


async def save_progress(connection: Connection, session: int, key: str, progress: Progress) -> None:
    await connection.execute("save_progress", session=session, key=key, progress=encode(progress))


async def events_after(connection: Connection, session: int, number: int) -> list[NewEvent]:
    """The log of a session after a number, without gaps."""
    rows = await connection.rows("events", session=session, after=number)
    return [
        NewEvent(row["type"], row["component"], decode(row["body"], dict), row["happened_at"])
        for row in rows
    ]


async def numbered_events(connection: Connection, session: int) -> list[tuple[int, NewEvent]]:
    """The whole log of a session, with the numbers as they are stored."""
    return [
        (
            row["number"],
            NewEvent(row["type"], row["component"], decode(row["body"], dict), row["happened_at"]),
        )
        for row in await connection.rows("events", session=session, after=0)
    ]


async def add_event(connection: Connection, session: int, event: NewEvent) -> None:
    """Append one event to the log of a locked session that is not loaded."""
    await add_events(connection, [(session, event)], event.time)


async def add_events(
    connection: Connection, events: Sequence[tuple[int, NewEvent]], now: datetime
) -> None:
    """Append events to the logs of locked sessions that are not loaded, in few statements."""
    left = list(events)
    while left:
        first = dict(reversed(left))
        rows = await connection.rows("count_events", sessions=sorted(first), now=now)
        await connection.many(
            "add_event",
            [
                {
                    "session": row["id"],
                    "number": row["events"],
                    "type": first[row["id"]].type,
                    "component": first[row["id"]].component,
                    "body": encode(first[row["id"]].body),
                    "now": first[row["id"]].time,
                }
                for row in rows
            ],
        )
        left = [(session, event) for session, event in left if first[session] is not event]


async def owned(connection: Connection, uuids: Iterable[UUID]) -> set[UUID]:
    """Of these sessions, those that still have steps to do: what is theirs stays (S10)."""
    rows = await connection.rows("owned_sessions", uuids=list(uuids))
    return {row["uuid"] for row in rows}


async def wanted_content(connection: Connection) -> frozenset[str]:
    """The sha256 of all that offers and sessions are still to be given, where it is known."""
    found = set()
    for row in await connection.rows("unprepared_documents"):
        document = decode(row["document"], ExecutionSession)
        parts = [document.executable, *document.data]
        checks = [getattr(part, "checks", None) for part in parts]
        found |= {one.sha256.lower() for one in checks if one is not None and one.sha256}
    return frozenset(found)


async def abandoned(connection: Connection, platform: int) -> list[int]:
    """Sessions whose release failed and may have left something."""
    rows = await connection.rows("abandoned_sessions", platform=platform)
    return [int(row["id"]) for row in rows]


async def origins(connection: Connection, ids: Iterable[int]) -> dict[int, Origin]:
    """Of these sessions, those that have a trace context, by their keys."""
    rows = await connection.rows("session_origins", sessions=sorted(ids))
    return {row["id"]: Origin(row["uuid"], row["trace"], row["name"]) for row in rows}


async def expired_offersets(connection: Connection, now: datetime, limit: int) -> list[int]:
    rows = await connection.rows("expired_offersets", now=now, limit=limit)
    return [int(row["offerset_id"]) for row in rows]


async def _save_traces(connection: Connection, changed: Sequence[StoredSession]) -> None:
    rows = [{"id": one.id, "trace": one.trace} for one in changed if one.trace is not None]
    if rows:
        await connection.many("save_trace", rows)


async def _add_events(connection: Connection, changed: Sequence[StoredSession]) -> None:
    """Append what is new; `events` counts it already."""
    rows = [
        {
            "session": session.id,
            "number": number,
            "type": event.type,
            "component": event.component,
            "body": encode(event.body),
            "now": event.time,
        }
        for session in changed
        for number, event in enumerate(
            session.new_events, session.events - len(session.new_events) + 1
        )
    ]
    for session in changed:
        session.new_events = []
    await connection.many("add_event", rows)


async def _with_components(connection: Connection, rows: Sequence[Row]) -> list[StoredSession]:
    sessions = {row["id"]: _session(row) for row in rows}
    for row in await connection.rows("components", sessions=list(sessions)):
        component = StoredComponent(
            id=row["id"],
            key=row["key"],
            uuid=row["uuid"],
            phase=ComponentPhase(row["phase"]),
            handle=row["handle"],
            progress=decode_optional(row["progress"], Progress),
            messages=decode(row["messages"], list[Message]),
        )
        sessions[row["session_id"]].components[component.key] = component
    return list(sessions.values())


def _session(row: Row) -> StoredSession:
    facts: dict[str, Any] = decode(row["facts"], dict)
    return StoredSession(
        id=row["id"],
        uuid=row["uuid"],
        offerset=row["offerset_id"],
        identity=row["identity_id"],
        owner=row["owner"],
        plans=row["plans"],
        capability=row["capability"],
        platform=row["platform_id"],
        phase=SessionPhase(row["phase"]),
        events=row["events"],
        document=decode(row["document"], ExecutionSession),
        terms=decode(row["terms"], Terms),
        name=row["name"],
        description=row["description"],
        facts=facts,
        connectors=decode(row["connectors"], list[Connector]),
        messages=decode(row["messages"], list[Message]),
        created=row["created_at"],
        modified=row["modified_at"],
        expires=row["expires_at"],
        accepted=row["accepted_at"],
        started=row["started_at"],
        ends=row["ends_at"],
        ended=row["ended_at"],
        released=row["released_at"],
        is_promise_broken=bool(row["is_promise_broken"]),
    )


def _offerset(row: Row) -> StoredOfferSet:
    return StoredOfferSet(
        id=row["id"],
        uuid=row["uuid"],
        identity=row["identity_id"],
        document=decode(row["document"], OfferSetResponse),
        created=row["created_at"],
        expires=row["expires_at"],
    )
