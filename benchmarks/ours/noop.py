"""A kind of step that does nothing, made of the public parts, and queues full of them."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg

from execution_broker.domain.errors import OutsideError
from execution_broker.domain.identity import Role
from execution_broker.domain.lifecycle import StepPhase
from execution_broker.domain.offer import Terms
from execution_broker.domain.plan import Plan, StepKind
from execution_broker.models.execution import ExecutionSession, OfferSetResponse
from execution_broker.models.phases import SessionPhase
from execution_broker.steps.base import Applied, Completed, Failed
from execution_broker.storage import bookings, identities, offersets, sessions, steps
from execution_broker.storage.database import Connection, Database
from execution_broker.storage.documents import encode
from execution_broker.storage.postgres import PostgresDatabase
from execution_broker.storage.records import LeasedStep, NewOfferSet, StoredSession
from execution_broker.storage.steps import NewStep

KIND: Final = StepKind.WATCH
_CHUNK: Final = 1000
_SESSIONS: Final = 250


class Noop:
    """A whole step, load, act and apply, that has nothing to do in any of them but to count."""

    kind = KIND
    done = 0

    async def load(self, connection: Connection, step: LeasedStep, now: datetime) -> int:
        return step.id

    async def act(self, loaded: int) -> None:
        return None

    async def apply(
        self, connection: Connection, step: LeasedStep, loaded: int, result: None, now: datetime
    ) -> Applied:
        self.done += 1
        return Completed()

    async def fail(
        self, connection: Connection, step: LeasedStep, error: OutsideError, now: datetime
    ) -> Applied:
        return Failed()


async def filled(url: str, count: int, plan: Sequence[tuple[str, Sequence[str]]] | None) -> int:
    """Fill a database with sessions of this plan, or steps of none, and let the server look at
    what there is now. The key of the platform that the steps are for."""
    database = PostgresDatabase(url)
    try:
        if plan is None:
            await fill(database, count)
        else:
            await fill_sessions(database, count, plan)
        platform = await platform_of(database)
    finally:
        await database.close()
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
    return platform


async def fill(database: Database, count: int) -> None:
    """So many steps that belong to no session: no events are written for them."""
    for start in range(0, count, _CHUNK):
        keys = [f"noop-{number}" for number in range(start, min(count, start + _CHUNK))]
        await database.write(partial(_add_unique, keys))


async def fill_sessions(
    database: Database, count: int, plan: Sequence[tuple[str, Sequence[str]]]
) -> None:
    """So many sessions with a step for each entry of `plan`: its key and what it needs."""
    owner, platform = await database.write(_owner)

    async def some(number: int, connection: Connection) -> None:
        now = await connection.clock()
        new = await _add_sessions(connection, owner, platform, number, now)
        for session in new:
            await steps.add(connection, session, platform, _steps(plan, now), now)

    for start in range(0, count, _SESSIONS):
        await database.write(partial(some, min(_SESSIONS, count - start)))


async def platform_of(database: Database) -> int:
    """The key of the platform that the steps of sessions are for."""
    _, platform = await database.write(_owner)
    return platform


async def _add_unique(keys: Sequence[str], connection: Connection) -> None:
    now = await connection.clock()
    for key in keys:
        await steps.add_unique(
            connection,
            uuid=uuid4(),
            kind=KIND,
            key=key,
            platform=None,
            payload={},
            due=now,
            now=now,
        )


async def _owner(connection: Connection) -> tuple[int, int]:
    now = await connection.clock()
    await identities.add(
        connection, uuid=UUID(int=1), username="bench", password_hash="!", role=Role.USER, now=now
    )
    account = await identities.by_name(connection, "bench")
    assert account is not None
    await bookings.add_platform(connection, "bench")
    (platform, *_) = await bookings.platforms(connection)
    return account.caller.key, platform.id


async def _add_sessions(
    connection: Connection, owner: int, platform: int, count: int, now: datetime
) -> list[int]:
    plans = encode({platform: Plan(())})
    (offerset,) = await offersets.add(
        connection,
        [
            NewOfferSet(
                uuid=uuid4(),
                identity=owner,
                document=OfferSetResponse(result="YES"),
                plans=plans,
                now=now,
                expires=now,
            )
        ],
    )
    new = [
        StoredSession(
            place="here",
            id=0,
            uuid=uuid4(),
            offerset=offerset,
            identity=owner,
            owner="bench",
            platform=platform,
            plans=plans,
            capability=None,
            phase=SessionPhase.INITIAL,
            events=0,
            document=ExecutionSession(),
            terms=_TERMS,
            created=now,
            modified=now,
            expires=now,
        )
        for _ in range(count)
    ]
    await sessions.add(connection, new)
    return [session.id for session in new]


def _steps(plan: Sequence[tuple[str, Sequence[str]]], now: datetime) -> list[NewStep]:
    return [
        NewStep(
            uuid=uuid4(),
            kind=KIND,
            key=key,
            component=None,
            phase=StepPhase.DORMANT if needs else StepPhase.READY,
            due=now,
            needs=tuple(needs),
        )
        for key, needs in plan
    ]


_TERMS: Final[Any] = Terms(
    start=1_900_000_000,
    latest=1_900_000_100,
    duration=600,
    prepare=10,
    release=5,
    compute_prepare=2,
    compute_release=3,
    cores=1,
    memory=1,
)
