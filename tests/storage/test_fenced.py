"""Steps of no session end in one statement, each only where its lease is still its own (S1)."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from execution_broker.domain.lifecycle import StepPhase
from execution_broker.domain.plan import StepKind
from execution_broker.storage import outside, steps
from execution_broker.storage.batch import Batch
from execution_broker.storage.database import Connection
from execution_broker.storage.fenced import Fenced, NeedsLocks
from execution_broker.storage.frames import Frames
from execution_broker.storage.records import LeasedStep
from execution_broker.storage.steps import Lease
from tests.storage.rows import add_probe

KEYS = ["plain", "result", "again", "stale"]
FIRST = uuid4()


async def leased(database: Any, processor: UUID) -> dict[str, LeasedStep]:
    async def work(connection: Connection) -> list[LeasedStep]:
        lease = Lease(processor, [StepKind.PROBE], [], 10, timedelta(seconds=30))
        return await steps.claim(connection, lease)

    return {step.key: step for step in await database.write_apart(work)}


async def all_leased(database: Any) -> dict[str, LeasedStep]:
    for key in KEYS:
        await database.write(lambda connection, key=key: add_probe(connection, key))
    return await leased(database, FIRST)


async def conclude(connection: Connection, held: dict[str, LeasedStep]) -> None:
    """Whatever may become of a step, all in the one statement."""
    now = held["plain"].claimed
    batch = Batch(Fenced(connection), Frames())
    await steps.end(batch, held["plain"], StepPhase.COMPLETED, None, now)
    await steps.end(batch, held["stale"], StepPhase.COMPLETED, None, now)
    await steps.end(batch, held["result"], StepPhase.FAILED, {"n": 1}, now)
    later = now + timedelta(hours=1)
    await steps.put_back(batch, held["again"], later, failures=0, delays=1)
    await batch.flush(now)


async def test_what_has_become_of_each_is_written_but_for_what_another_has_leased(
    database: Any,
) -> None:
    held = await all_leased(database)
    kept = [held[key].id for key in KEYS[:3]]
    until = held["plain"].claimed + timedelta(minutes=1)
    await database.write(lambda c: steps.renew(c, FIRST, kept, until))
    database.shift += timedelta(seconds=31)
    (taken,) = (await leased(database, uuid4())).values()
    assert (taken.key, taken.attempt) == ("stale", 2)
    await database.write_apart(lambda connection: conclude(connection, held))
    plain = await database.read(lambda c: steps.result_of(c, "plain"))
    assert (plain.phase, plain.result) == (StepPhase.COMPLETED, None)
    result = await database.read(lambda c: steps.result_of(c, "result"))
    assert (result.phase, result.result) == (StepPhase.FAILED, {"n": 1})
    assert await database.read(lambda c: steps.result_of(c, "stale")) is None
    database.shift += timedelta(hours=2)
    back = await leased(database, uuid4())
    assert {key: step.attempt for key, step in back.items()} == {"again": 2, "stale": 3}
    assert back["again"].delays == 1


async def test_it_is_said_twice_and_done_once(database: Any) -> None:
    """As after a connection that was lost while the answer was on its way."""
    held = await all_leased(database)
    for _ in range(2):
        await database.write_apart(lambda connection: conclude(connection, held))
    database.shift += timedelta(hours=2)
    (again,) = (await leased(database, uuid4())).values()
    assert (again.key, again.delays) == ("again", 1)


async def test_whatever_else_is_asked_for_needs_locks_and_nothing_is_written(
    database: Any,
) -> None:
    held = await all_leased(database)

    async def asks(connection: Connection) -> None:
        await Fenced(connection).clock()

    async def writes(connection: Connection) -> None:
        batch = Batch(Fenced(connection), Frames())
        await steps.end(batch, held["plain"], StepPhase.COMPLETED, None, held["plain"].claimed)
        await outside.gone(batch, 1, "compute", held["plain"].claimed)
        await batch.flush(held["plain"].claimed)

    for work in (asks, writes):
        with pytest.raises(NeedsLocks):
            await database.write_apart(work)
    assert await database.read(lambda c: steps.result_of(c, "plain")) is None
