"""Who has a step, for how long, and who may write what comes of it (S1, S4)."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from execution_broker.domain.plan import StepKind
from execution_broker.storage import steps
from execution_broker.storage.batch import Batch
from execution_broker.storage.database import Connection
from execution_broker.storage.frames import Frames
from tests.storage.queueing import add, claim, end, renew, step
from tests.storage.rows import a_session


async def test_a_step_is_leased_to_one_processor_until_the_lease_lapses(database: Any) -> None:
    rows = await a_session(database)
    await add(database, rows, step(rows, "one"))
    first, second = uuid4(), uuid4()
    (leased,) = await claim(database, first)
    assert (leased.key, leased.attempt, leased.lapses) == ("one", 1, 0)
    assert await claim(database, second) == []
    database.shift += timedelta(seconds=31)
    (again,) = await claim(database, second)
    assert (again.id, again.attempt, again.lapses) == (leased.id, 2, 1)


async def test_only_the_attempt_that_holds_the_lease_may_write(database: Any) -> None:
    rows = await a_session(database)
    await add(database, rows, step(rows, "one"))
    first, second = uuid4(), uuid4()
    (stale,) = await claim(database, first)
    database.shift += timedelta(seconds=31)
    (leased,) = await claim(database, second)
    held, _ = await database.write(lambda c: Batch(c, Frames()).open([stale, leased]))
    assert held == {(leased.id, leased.attempt, second)}
    assert stale.attempt != leased.attempt


async def test_a_renewed_lease_does_not_lapse(database: Any) -> None:
    rows = await a_session(database)
    await add(database, rows, step(rows, "one"), step(rows, "two"))
    first = uuid4()
    one, two = await claim(database, first)

    assert await renew(database, first, one) == ({(one.id, 1)}, set())
    database.shift += timedelta(seconds=31)
    assert [other.id for other in await claim(database, uuid4())] == [two.id]


async def test_a_lease_that_somebody_else_has_is_not_renewed(database: Any) -> None:
    rows = await a_session(database)
    await add(database, rows, step(rows, "one"))
    first, second = uuid4(), uuid4()
    (one,) = await claim(database, first)
    database.shift += timedelta(seconds=31)
    (taken,) = await claim(database, second)
    assert await renew(database, first, one) == (set(), set())
    database.shift += timedelta(seconds=31)
    (again,) = await claim(database, first)
    assert (again.id, again.attempt) == (taken.id, taken.attempt + 1)


async def test_what_has_ended_or_was_put_back_is_leased_by_nobody(database: Any) -> None:
    rows = await a_session(database)
    await add(database, rows, step(rows, "done"), step(rows, "later"))
    first = uuid4()
    leased = {one.key: one for one in await claim(database, first)}
    await end(database, leased["done"])

    async def put_back(connection: Connection) -> None:
        due = await connection.clock() + timedelta(minutes=1)
        await steps.put_back(connection, leased["later"], due, failures=0, delays=1)

    await database.write(put_back)
    assert await renew(database, first, *leased.values()) == (set(), set())


@pytest.mark.parametrize(("failures", "lapses"), [(0, 0), (1, 1)])
async def test_lapses_count_until_there_is_progress(
    database: Any, failures: int, lapses: int
) -> None:
    """What polls for weeks may be lost now and then; what fails and is lost in turn may not."""
    rows = await a_session(database)
    await add(database, rows, step(rows, "one"))
    await claim(database, uuid4())
    database.shift += timedelta(seconds=31)
    (lost,) = await claim(database, uuid4())
    assert lost.lapses == 1

    async def put_back(connection: Connection) -> None:
        due = await connection.clock()
        await steps.put_back(connection, lost, due, failures=failures, delays=0)

    await database.write(put_back)
    (again,) = await claim(database, uuid4())
    assert again.lapses == lapses


async def test_who_has_a_step_keeps_it_when_its_time_is_changed(database: Any) -> None:
    rows = await a_session(database)
    await add(database, rows, step(rows, StepKind.WATCH.word))
    await claim(database, uuid4())

    async def set_due(connection: Connection) -> None:
        now = await connection.clock()
        await steps.set_due(connection, rows.session.id, StepKind.WATCH, now)

    await database.write(set_due)
    assert await claim(database, uuid4()) == []
