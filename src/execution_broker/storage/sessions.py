"""Offer sets and sessions: their documents, their living parts, their events."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from execution_broker.domain.offer import Terms
from execution_broker.domain.plan import Plan
from execution_broker.models.execution import Connector, ExecutionSession, OfferSetResponse
from execution_broker.models.message import Message
from execution_broker.models.phases import ComponentPhase, SessionPhase
from execution_broker.storage.database import Connection, Row
from execution_broker.storage.documents import decode, decode_optional, encode
from execution_broker.storage.records import (
    FORMAT,
    NewEvent,
    Progress,
    StoredComponent,
    StoredOfferSet,
    StoredSession,
)


async def add_offerset(
    connection: Connection,
    *,
    uuid: UUID,
    identity: int,
    document: OfferSetResponse,
    plans: Mapping[int, Plan],
    now: datetime,
    expires: datetime | None,
) -> int:
    row = await connection.row(
        "add_offerset",
        uuid=uuid,
        identity=identity,
        result=document.result,
        format=FORMAT,
        document=encode(document),
        plans=encode(plans),
        now=now,
        expires=expires,
    )
    assert row is not None
    return int(row["id"])


async def add_session(
    connection: Connection,
    *,
    uuid: UUID,
    offerset: int,
    identity: int,
    platform: int,
    document: ExecutionSession,
    terms: Terms,
    components: Mapping[str, UUID],
    now: datetime,
    expires: datetime,
) -> StoredSession:
    """Store an offer, INITIAL and with INITIALIZING components; `save` brings it further."""
    row = await connection.row(
        "add_session",
        uuid=uuid,
        offerset=offerset,
        identity=identity,
        platform=platform,
        phase=SessionPhase.INITIAL,
        format=FORMAT,
        document=encode(document),
        terms=encode(terms),
        now=now,
        expires=expires,
    )
    assert row is not None
    await connection.many(
        "add_component",
        [
            {"session": row["id"], "key": key, "uuid": name, "phase": ComponentPhase.INITIALIZING}
            for key, name in components.items()
        ],
    )
    session = await by_id(connection, int(row["id"]))
    assert session is not None
    return session


async def by_uuid(connection: Connection, uuid: UUID) -> StoredSession | None:
    row = await connection.row("session_by_uuid", uuid=uuid)
    return None if row is None else (await _with_components(connection, [row]))[0]


async def by_id(connection: Connection, id_: int) -> StoredSession | None:
    row = await connection.row("session_by_id", id=id_)
    return None if row is None else (await _with_components(connection, [row]))[0]


async def of_offerset(connection: Connection, offerset: int) -> list[StoredSession]:
    """All offers of an answer, in the order they were offered."""
    return await _with_components(
        connection, await connection.rows("sessions_of_offerset", offerset=offerset)
    )


async def lock(connection: Connection, ids: Iterable[int]) -> None:
    """Lock sessions in id order; read them afterwards."""
    await connection.rows("lock_sessions", ids=sorted(ids))


async def locked(connection: Connection, id_: int) -> StoredSession | None:
    await lock(connection, [id_])
    return await by_id(connection, id_)


async def offerset_by_uuid(connection: Connection, uuid: UUID) -> StoredOfferSet | None:
    row = await connection.row("offerset_by_uuid", uuid=uuid)
    return None if row is None else _offerset(row)


async def lock_offerset(connection: Connection, id_: int) -> StoredOfferSet:
    row = await connection.row("lock_offerset", id=id_)
    assert row is not None
    return _offerset(row)


async def save(connection: Connection, session: StoredSession, now: datetime) -> None:
    """Write the living part and append the new events with the next numbers (S11)."""
    events = [
        {
            "session": session.id,
            "number": number,
            "type": event.type,
            "component": event.component,
            "body": encode(event.body),
            "now": event.time,
        }
        for number, event in enumerate(session.new_events, session.events + 1)
    ]
    session.events += len(events)
    if events:
        session.modified = now
        session.new_events = []
        await connection.many("add_event", events)
    await connection.execute(
        "save_session",
        id=session.id,
        phase=session.phase,
        events=session.events,
        terms=encode(session.terms),
        facts=encode(session.facts),
        connectors=encode(session.connectors),
        messages=encode(session.messages),
        modified=session.modified,
        accepted=session.accepted,
        started=session.started,
        ends=session.ends,
        ended=session.ended,
        released=session.released,
        is_promise_broken=int(session.is_promise_broken),
    )
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


async def save_progress(connection: Connection, session: int, key: str, progress: Progress) -> None:
    await connection.execute("save_progress", session=session, key=key, progress=encode(progress))


async def events_after(connection: Connection, session: int, number: int) -> list[NewEvent]:
    """The log of a session after a number, without gaps."""
    rows = await connection.rows("events", session=session, after=number)
    return [
        NewEvent(row["type"], row["component"], decode(row["body"], dict), row["happened_at"])
        for row in rows
    ]


async def add_event(connection: Connection, session: int, event: NewEvent) -> None:
    """Append one event to the log of a locked session that is not loaded."""
    row = await connection.row("count_event", session=session, now=event.time)
    assert row is not None
    await connection.execute(
        "add_event",
        session=session,
        number=row["events"],
        type=event.type,
        component=event.component,
        body=encode(event.body),
        now=event.time,
    )


async def owned(connection: Connection, uuids: Iterable[UUID]) -> set[UUID]:
    """Of these sessions, those that still have steps to do: what is theirs stays (S10)."""
    rows = await connection.rows("owned_sessions", uuids=list(uuids))
    return {row["uuid"] for row in rows}


async def abandoned(connection: Connection, platform: int) -> list[int]:
    """Sessions whose release failed and may have left something."""
    rows = await connection.rows("abandoned_sessions", platform=platform)
    return [int(row["id"]) for row in rows]


async def expired_offersets(connection: Connection, now: datetime, limit: int) -> list[int]:
    rows = await connection.rows("expired_offersets", now=now, limit=limit)
    return [int(row["offerset_id"]) for row in rows]


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
        platform=row["platform_id"],
        phase=SessionPhase(row["phase"]),
        events=row["events"],
        document=decode(row["document"], ExecutionSession),
        terms=decode(row["terms"], Terms),
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
