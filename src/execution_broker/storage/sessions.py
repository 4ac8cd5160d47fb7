"""Sessions: their documents and their living parts."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from execution_broker.domain.demand import COMPUTE
from execution_broker.domain.offer import Terms
from execution_broker.models.message import Message
from execution_broker.models.phases import SessionPhase
from execution_broker.storage import events, sights
from execution_broker.storage.database import Connection, Glance, Part, Row
from execution_broker.storage.documents import decode, encode
from execution_broker.storage.records import (
    IN_PARTS,
    WHOLE,
    Connectors,
    Located,
    LockedOffer,
    Origin,
    Progress,
    StoredComponent,
    StoredSession,
    document_of,
)
from execution_broker.storage.sights import Sight


class Seen(NamedTuple):
    """A session as it was at `now`, with the sight of it at that time."""

    session: StoredSession
    now: datetime
    sight: Sight


async def add(connection: Connection, new: Sequence[StoredSession]) -> None:
    """Store new sessions with their components and events, but for folded ones. Their `id` is
    known afterwards."""
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
                "format": WHOLE if session.bid is None else IN_PARTS,
                "document": encode(session.document if session.bid is None else session.bid),
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
    await connection.many(*_new_components(new))
    await _save_traces(connection, new)
    await events.add_new(connection, new)


async def see(connection: Glance, uuid: UUID) -> Seen | None:
    """A session by its public name. One statement."""
    return (await see_all(connection, [uuid])).get(uuid)


async def see_all(connection: Glance, uuids: Sequence[UUID]) -> dict[UUID, Seen]:
    """Those that there are, by their public names. One statement."""
    rows = await connection.rows("sessions_by_uuid", uuids=list(uuids))
    return {
        row["uuid"]: Seen(of_row(row), row["read_at"], sights.of_row(row, sessions=1))
        for row in rows
    }


async def by_uuid(connection: Glance, uuid: UUID) -> StoredSession | None:
    seen = await see(connection, uuid)
    return None if seen is None else seen.session


async def locate(connection: Glance, uuid: UUID) -> Located | None:
    return (await locate_all(connection, [uuid])).get(uuid)


async def locate_all(connection: Glance, uuids: Sequence[UUID]) -> dict[UUID, Located]:
    """Those that there are, by their public names. One statement."""
    return {
        row["uuid"]: Located(
            id=row["id"],
            uuid=row["uuid"],
            offerset=row["offerset_id"],
            identity=row["identity_id"],
            phase=SessionPhase(row["phase"]),
        )
        for row in await connection.rows("locate_sessions", uuids=list(uuids))
    }


async def by_id(connection: Glance, id_: int) -> StoredSession | None:
    row = await connection.row("session_by_id", id=id_)
    return None if row is None else of_row(row)


async def lock(connection: Connection, ids: Iterable[int]) -> None:
    """Lock sessions in id order; read them afterwards."""
    await connection.rows("lock_sessions", ids=sorted(ids))


async def locked(connection: Connection, id_: int) -> StoredSession | None:
    await lock(connection, [id_])
    return await by_id(connection, id_)


async def save(connection: Connection, session: StoredSession, now: datetime) -> None:
    """Write the living part and append the new events with the next numbers (S11)."""
    if session.new_events:
        session.modified = now
    await save_all(connection, [session])
    await save_components(connection, list(session.components.values()))


async def save_components(connection: Connection, changed: Sequence[StoredComponent]) -> None:
    """Write the living parts of components, in a transaction that writes their sessions, too: so
    that each has another revision."""
    await connection.many(*of_components(changed))


async def save_all(
    connection: Connection,
    changed: Sequence[StoredSession],
    refused: Sequence[LockedOffer] = (),
    *others: Part,
) -> None:
    """Write the living parts of sessions whose components have not changed, and their events.
    Components that have no rows yet get them, unless they are folded.
    `refused`: of these has changed only that they have come to nothing. `others`: what else is
    written, in the same round trip; always the same statements."""
    saved, told = of_sessions(changed)
    components = _new_components(changed)
    await connection.all(saved, _of_refused(refused), told, components, *others)
    await _save_traces(connection, changed)


def of_components(changed: Sequence[StoredComponent]) -> Part:
    """What writes the living parts of components."""
    return (
        "save_component",
        [
            {
                "id": component.id,
                "phase": component.phase,
                "handle": component.handle,
                "progress": encode(component.progress) if component.progress else None,
                "messages": encode(component.messages),
            }
            for component in changed
        ],
    )


def of_sessions(changed: Sequence[StoredSession]) -> tuple[Part, Part]:
    """What writes the living parts of sessions, and what appends their events, which are counted
    and not new any more."""
    for session in changed:
        session.events += len(session.new_events)
    return (
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
    ), events.of_sessions(changed)


def _of_refused(refused: Sequence[LockedOffer]) -> Part:
    """What writes that offers have come to nothing."""
    return (
        "save_refused",
        [
            {
                "id": offer.id,
                "phase": offer.phase,
                "events": offer.events,
                "messages": encode(offer.messages),
                "modified": offer.modified,
                "ended": offer.ended,
                "released": offer.released,
            }
            for offer in refused
        ],
    )


async def save_progress(connection: Connection, session: int, key: str, progress: Progress) -> None:
    await connection.execute("touch_session", session=session)
    await connection.execute("save_progress", session=session, key=key, progress=encode(progress))


async def origins(connection: Connection, ids: Iterable[int]) -> dict[int, Origin]:
    """Of these sessions, those that have a trace context, by their keys."""
    rows = await connection.rows("session_origins", sessions=sorted(ids))
    return {row["id"]: Origin(row["uuid"], row["trace"], row["name"]) for row in rows}


def of_row(row: Row) -> StoredSession:
    """A session from a row with the columns of the part `stored_session`."""
    components = decode(row["components"], list[StoredComponent])
    return StoredSession(
        uuid=row["uuid"],
        offerset=row["offerset_id"],
        identity=row["identity_id"],
        owner=row["owner"],
        place=row["place"],
        plans=row["plans"],
        capability=row["capability"],
        platform=row["platform_id"],
        document=document_of(row),
        created=row["created_at"],
        expires=row["expires_at"],
        is_folded=not components,
        components={one.key: one for one in sorted(components, key=attrgetter("id"))},
        **living(row),
    )


def _by_component(facts: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Facts were of the whole session once; those of the local platform, of its compute."""
    if all(isinstance(one, dict) for one in facts.values()):
        return facts
    return {COMPUTE: facts}


def living(row: Row) -> dict[str, Any]:
    """What of a session changes while it lives, by the fields of a StoredSession."""
    return {
        "id": row["id"],
        "phase": SessionPhase(row["phase"]),
        "events": row["events"],
        "terms": decode(row["terms"], Terms),
        "name": row["name"],
        "description": row["description"],
        "facts": _by_component(decode(row["facts"], dict)),
        "connectors": _connectors(row["connectors"]),
        "messages": decode(row["messages"], list[Message]),
        "modified": row["modified_at"],
        "accepted": row["accepted_at"],
        "started": row["started_at"],
        "ends": row["ends_at"],
        "ended": row["ended_at"],
        "released": row["released_at"],
        "is_promise_broken": bool(row["is_promise_broken"]),
    }


def _connectors(text: str) -> Connectors:
    found: Connectors = msgspec.json.decode(text, type=Connectors)
    return found


def _new_components(changed: Sequence[StoredSession]) -> Part:
    """What stores components that have no rows yet."""
    return (
        "add_component",
        [
            {"session": session.id, "key": part.key, "uuid": part.uuid, "phase": part.phase}
            for session in changed
            for part in session.components.values()
            if part.id == 0
        ],
    )


async def _save_traces(connection: Connection, changed: Sequence[StoredSession]) -> None:
    rows = [{"id": one.id, "trace": one.trace} for one in changed if one.trace is not None]
    if rows:
        await connection.many("save_trace", rows)
