"""Makes rows that storage tests need: an identity, a platform, a session."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import uuid4

from execution_broker.domain.identity import Role
from execution_broker.domain.offer import Terms
from execution_broker.domain.plan import Plan
from execution_broker.models.execution import ExecutionSession, OfferSetResponse
from execution_broker.storage import bookings, identities, sessions
from execution_broker.storage.database import Connection
from execution_broker.storage.records import StoredSession

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
    platform: int
    identity: int
    now: datetime


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
        offerset = await sessions.add_offerset(
            connection,
            uuid=uuid4(),
            identity=account.caller.key,
            document=OfferSetResponse(result="YES"),
            plans={platform.id: Plan(())},
            now=now,
            expires=now + timedelta(minutes=5),
        )
        session = await sessions.add_session(
            connection,
            uuid=uuid4(),
            offerset=offerset,
            identity=account.caller.key,
            platform=platform.id,
            document=ExecutionSession(),
            terms=TERMS,
            components={"compute": uuid4(), "executable": uuid4()},
            now=now,
            expires=now + timedelta(minutes=5),
        )
        return Rows(session, platform.id, account.caller.key, now)

    rows: Rows = await database.write(work)
    return rows
