"""Makes rows that storage tests need: an identity, a platform, a session."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import uuid4

from execution_broker.domain.identity import Role
from execution_broker.domain.offer import Terms
from execution_broker.domain.plan import Plan, StepKind
from execution_broker.models.execution import ExecutionSession, OfferSetResponse
from execution_broker.models.phases import ComponentPhase, SessionPhase
from execution_broker.storage import bookings, events, identities, offersets, sessions, steps
from execution_broker.storage.database import Connection
from execution_broker.storage.documents import encode
from execution_broker.storage.records import NewEvent, NewOfferSet, StoredComponent, StoredSession

TERMS = Terms(
    start=1_800_000_000,
    latest=1_800_000_100,
    duration=600,
    prepare=10,
    release=5,
    compute_prepare=2,
    compute_release=3,
    cores=1,
    memory=1,
)


class Rows(NamedTuple):
    session: StoredSession
    answer: NewOfferSet
    platform: int
    identity: int
    now: datetime


async def add_probe(
    connection: Connection, key: str, payload: Mapping[str, Any] | None = None
) -> None:
    """A step without a session, due now, that exists once by its key."""
    now = await connection.clock()
    await steps.add_unique(
        connection,
        uuid=uuid4(),
        kind=StepKind.PROBE,
        key=key,
        platform=None,
        payload=dict(payload or {}),
        due=now,
        now=now,
    )


async def a_session(database: Any) -> Rows:
    """A session in phase INITIAL, of a new identity, on the platform `here`."""

    async def work(connection: Connection) -> Rows:
        now = await connection.clock()
        name = f"user-{uuid4()}"
        await identities.add(
            connection,
            uuid=uuid4(),
            username=name,
            password_hash="!",
            role=Role.USER,
            now=now,
        )
        account = await identities.by_name(connection, name)
        assert account is not None
        await bookings.add_platform(connection, "here")
        (platform, *_) = await bookings.platforms(connection)
        expires = now + timedelta(minutes=5)
        plans = encode({platform.id: Plan(())})
        answer = NewOfferSet(
            uuid=uuid4(),
            identity=account.caller.key,
            document=OfferSetResponse(result="YES"),
            plans=plans,
            now=now,
            expires=expires,
        )
        (offerset,) = await offersets.add(connection, [answer])
        new = StoredSession(
            place="here",
            id=0,
            uuid=uuid4(),
            offerset=offerset,
            identity=account.caller.key,
            owner=name,
            platform=platform.id,
            plans=plans,
            capability=None,
            phase=SessionPhase.INITIAL,
            events=0,
            document=ExecutionSession(),
            terms=TERMS,
            created=now,
            modified=now,
            expires=expires,
            components={
                key: StoredComponent(id=0, key=key, uuid=uuid4(), phase=ComponentPhase.INITIALIZING)
                for key in ("compute", "executable")
            },
        )
        await sessions.add(connection, [new])
        session = await sessions.by_id(connection, new.id)
        assert session is not None
        return Rows(session, answer, platform.id, account.caller.key, now)

    rows: Rows = await database.write(work)
    return rows


async def add_event(connection: Connection, session: int, event: NewEvent) -> None:
    """Append one event to the log of a locked session."""
    stored = await sessions.by_id(connection, session)
    assert stored is not None
    await connection.all(
        *events.of_locked({session: stored.events}, [(session, event)], event.time)
    )
