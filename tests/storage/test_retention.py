"""What is over is deleted a little at a time."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import msgspec

from execution_broker.domain.lifecycle import StepPhase
from execution_broker.domain.plan import StepKind
from execution_broker.models.execution import OfferSetResponse
from execution_broker.models.phases import SessionPhase
from execution_broker.storage import offersets, repetitions, retention, sessions, steps, waking
from execution_broker.storage.database import Connection
from execution_broker.storage.records import NewOfferSet
from tests.storage.queueing import add, claim, end, step
from tests.storage.rows import Rows, a_session, add_probe

OLD = 25
BATCH = 10
DAY = timedelta(days=1)


async def test_what_is_old_is_deleted_in_batches_and_nothing_else(database: Any) -> None:
    rows = await a_session(database)
    await database.write(lambda c: _add_old(c, rows))
    before = rows.now + DAY

    async def batch(connection: Connection) -> bool:
        return await retention.forget_rest(connection, before, BATCH)

    for _ in range(OLD // BATCH):
        assert await database.write(batch)
    assert not await database.write(batch)
    database.shift += 2 * DAY
    assert await database.read(lambda c: repetitions.find(c, rows.identity, "key-1")) is None
    assert await database.read(lambda c: steps.result_of(c, "probe-1")) is None
    assert await database.read(lambda c: sessions.by_id(c, rows.session.id)) is not None
    await database.write(lambda c: _add_old(c, rows))
    assert await database.write(batch), "the keys could be used again"


async def test_what_is_not_released_is_not_forgotten_however_long_ago_it_ended(
    database: Any,
) -> None:
    rows = await a_session(database)
    session = rows.session
    session.ended, session.phase = rows.now - 2 * DAY, SessionPhase.FAILED
    await database.write(lambda c: sessions.save(c, session, rows.now))
    before = rows.now - DAY

    async def forgettable(connection: Connection) -> list[int]:
        return [one.id for one in await retention.forgettable(connection, before, BATCH)]

    assert await database.read(forgettable) == []
    session.released = rows.now - 2 * DAY
    await database.write(lambda c: sessions.save(c, session, rows.now))
    assert await database.read(forgettable) == [session.id]


async def test_the_steps_of_a_session_stay_as_long_as_it_does(database: Any) -> None:
    """One that runs for months has steps that ended long ago, and others that wait for them."""
    rows = await a_session(database)
    await add(database, rows, step(rows, "begun"), step(rows, "last"))
    held = {one.key: one for one in await claim(database, uuid4())}
    await end(database, held["begun"])
    before = rows.now + DAY
    assert not await database.write(lambda c: retention.forget_rest(c, before, BATCH))
    found = await database.read(lambda c: waking.planned_of(c, [rows.session.id]))
    assert {one.sleeper.key for one in found[rows.session.id].values()} == {"begun", "last"}


async def test_what_is_young_stays(database: Any) -> None:
    rows = await a_session(database)
    await database.write(lambda c: _add_old(c, rows))
    before = rows.now - DAY
    assert not await database.write(lambda c: retention.forget_rest(c, before, BATCH))
    assert await database.read(lambda c: repetitions.find(c, rows.identity, "key-1")) is not None
    assert await database.read(lambda c: steps.result_of(c, "probe-1")) is not None


async def _add_old(connection: Connection, rows: Rows) -> None:
    """Answers without sessions, keys, and probes that have ended."""
    for number in range(OLD):
        await repetitions.take(connection, rows.identity, f"key-{number}", "digest", rows.now)
        await add_probe(connection, f"probe-{number}")
    lease = steps.Lease(uuid4(), [StepKind.PROBE], [], OLD, DAY)
    for leased in await steps.claim(connection, lease):
        await steps.end(connection, leased, StepPhase.COMPLETED, None, rows.now)
    answer = NewOfferSet(
        uuid=uuid4(),
        identity=rows.identity,
        document=OfferSetResponse(result="NO"),
        plans="{}",
        now=rows.now,
        expires=None,
    )
    answers = [msgspec.structs.replace(answer, uuid=uuid4()) for _ in range(OLD)]
    await offersets.add(connection, answers)
