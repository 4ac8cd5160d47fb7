"""The queue's promises: who gets a step, who keeps it, and what wakes when (S1, S3, S4, S7)."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from execution_broker.domain.lifecycle import StepPhase
from execution_broker.domain.plan import StepKind
from execution_broker.storage import steps, waking
from execution_broker.storage.batch import Batch
from execution_broker.storage.database import Connection
from execution_broker.storage.frames import Frames
from execution_broker.storage.gauges import numbers
from execution_broker.storage.records import LeasedStep
from execution_broker.storage.steps import Lease
from tests.storage.queueing import KINDS, add, claim, end, step
from tests.storage.rows import a_session, add_probe


async def test_who_claim_side_by_side_get_each_step_once(database: Any) -> None:
    rows = await a_session(database)
    await add(database, rows, *(step(rows, str(number)) for number in range(40)))

    async def take() -> list[int]:
        processor, taken = uuid4(), []
        while leased := await claim(database, processor, limit=3, kinds=[StepKind.WATCH]):
            taken += [one.id for one in leased]
            await end(database, leased[0])
        return taken

    taken = [id_ for ids in await asyncio.gather(*(take() for _ in range(6))) for id_ in ids]
    assert len(taken) == len(set(taken)) == 40


async def test_the_oldest_due_come_first_and_only_kinds_and_platforms_served(
    database: Any,
) -> None:
    rows = await a_session(database)
    early = rows.now - timedelta(minutes=1)
    late = rows.now + timedelta(hours=1)
    await add(
        database,
        rows,
        step(rows, "now"),
        step(rows, "early", due=early),
        step(rows, "late", due=late),
        step(rows, "other", kind=StepKind.START),
    )
    (first,) = await claim(database, uuid4(), limit=1, kinds=[StepKind.WATCH])
    assert first.key == "early"
    rest = await claim(database, uuid4(), kinds=[StepKind.WATCH])
    assert [leased.key for leased in rest] == ["now"]

    async def elsewhere(connection: Connection) -> list[LeasedStep]:
        await connection.clock()
        lease = Lease(uuid4(), KINDS, [rows.platform + 1], 10, timedelta())
        return await steps.claim(connection, lease)

    assert await database.write(elsewhere) == []


@pytest.mark.parametrize(
    ("ended", "edge", "wakes"),
    [
        (StepPhase.COMPLETED, "needs", ["last"]),
        (StepPhase.COMPLETED, "after", ["last"]),
        (StepPhase.FAILED, "needs", []),
        (StepPhase.FAILED, "after", ["last"]),
        (StepPhase.CANCELLED, "after", ["last"]),
    ],
)
async def test_a_dependant_wakes_when_all_it_waits_for_has_ended_as_it_must(
    database: Any, ended: StepPhase, edge: str, wakes: list[str]
) -> None:
    rows = await a_session(database)
    edges = {edge: ("one", "two")}
    await add(
        database,
        rows,
        step(rows, "one"),
        step(rows, "two"),
        step(rows, "last", phase=StepPhase.DORMANT, **edges),
    )
    one, two = await claim(database, uuid4())
    await end(database, one)
    assert await claim(database, uuid4()) == []
    await end(database, two, ended)
    assert [leased.key for leased in await claim(database, uuid4())] == wakes


async def test_dormant_steps_sleep_until_they_are_woken_and_what_nobody_holds_is_cancelled(
    database: Any,
) -> None:
    rows = await a_session(database)
    release = {"kind": StepKind.RELEASE_COMPUTE, "phase": StepPhase.DORMANT}
    await add(
        database,
        rows,
        step(rows, "held"),
        step(rows, "asleep", phase=StepPhase.DORMANT, needs=("held",)),
        step(rows, "release", after=("held", "asleep"), **release),
    )
    (held,) = await claim(database, uuid4())

    async def stop(connection: Connection) -> None:
        now = await connection.clock()
        await steps.cancel_unclaimed(connection, rows.session.id, now)
        await waking.wake(connection, [rows.session.id], now)

    await database.write(stop)
    assert await claim(database, uuid4()) == []
    await end(database, held, StepPhase.CANCELLED)
    assert [leased.key for leased in await claim(database, uuid4())] == ["release"]


async def test_what_wakes_is_due_from_then_on_but_not_before_its_time(database: Any) -> None:
    rows = await a_session(database)
    asleep = {"phase": StepPhase.DORMANT, "needs": ("held",)}
    planned = rows.now - timedelta(hours=1)
    later = rows.now + timedelta(hours=1)
    await add(
        database,
        rows,
        step(rows, "held"),
        step(rows, "soon", due=planned, **asleep),
        step(rows, "later", due=later, **asleep),
    )
    (held,) = await claim(database, uuid4())
    await end(database, held)
    assert (await database.read(numbers)).age < 60
    (soon,) = await claim(database, uuid4())
    assert soon.key == "soon"
    assert soon.due >= rows.now
    database.shift += timedelta(hours=1)
    await end(database, soon)
    (late,) = await claim(database, uuid4())
    assert (late.key, late.due) == ("later", later)


async def test_what_is_leased_as_it_wakes_is_due_from_then_on(database: Any) -> None:
    rows = await a_session(database)
    asleep = {"phase": StepPhase.DORMANT, "needs": ("held",)}
    planned = rows.now - timedelta(hours=1)
    await add(database, rows, step(rows, "held"), step(rows, "soon", due=planned, **asleep))
    (held,) = await claim(database, uuid4())
    processor, lease = uuid4(), timedelta(seconds=30)

    async def work(connection: Connection) -> list[LeasedStep]:
        batch = Batch(connection, Frames())
        _, now = await batch.open([held])
        await steps.end(batch, held, StepPhase.COMPLETED, None, now)
        ids = [one.id for one in await batch.woken()]
        leased = await steps.claim_woken(batch, processor, ids, now, lease)
        await batch.flush(now)
        return leased

    (soon,) = await database.write(work)
    assert soon.due >= rows.now
    database.shift += timedelta(seconds=31)
    (again,) = await claim(database, uuid4())
    assert (again.id, again.due) == (soon.id, soon.due)


async def test_a_unique_step_exists_once_and_can_be_revived(database: Any) -> None:
    async def add_unique(connection: Connection) -> None:
        await add_probe(connection, "probe:x", {"location": "x"})

    await database.write(add_unique)
    await database.write(add_unique)
    (leased,) = await claim(database, uuid4())
    assert leased.payload == {"location": "x"}
    assert await database.read(lambda c: steps.result_of(c, "probe:x")) is None
    await end(database, leased)
    known = await database.read(lambda c: steps.result_of(c, "probe:x"))
    assert known is not None
    assert known[:2] == (StepPhase.COMPLETED, {"n": 1})

    async def revive(connection: Connection) -> None:
        await steps.revive(connection, "probe:x", {"location": "y"}, await connection.clock())

    await database.write(revive)
    (again,) = await claim(database, uuid4())
    assert (again.id, again.payload) == (leased.id, {"location": "y"})
    await database.write(revive)
    assert await claim(database, uuid4()) == [], "somebody has it"


async def test_a_step_that_is_revived_has_never_failed(database: Any) -> None:
    await database.write(lambda connection: add_probe(connection, "probe:x"))
    await claim(database, uuid4())
    database.shift += timedelta(seconds=31)
    (lost,) = await claim(database, uuid4())

    async def put_back(connection: Connection) -> None:
        await steps.put_back(connection, lost, await connection.clock(), failures=2, delays=0)

    async def revive(connection: Connection) -> None:
        await steps.revive(connection, "probe:x", {}, await connection.clock())

    await database.write(put_back)
    (failing,) = await claim(database, uuid4())
    assert (failing.failures, failing.lapses) == (2, 1)
    await end(database, failing, StepPhase.FAILED)
    await database.write(revive)
    (again,) = await claim(database, uuid4())
    assert (again.failures, again.lapses) == (0, 0)


async def test_a_bell_wakes_who_waits_and_is_not_missed(database: Any) -> None:
    rows = await a_session(database)
    heard = database.heard()
    await add(database, rows, step(rows, "one"))
    assert database.heard() > heard
    await database.wait(3600, heard)


async def test_a_database_that_is_closed_while_its_bell_rings_closes(database: Any) -> None:
    rows = await a_session(database)
    for number in range(20):
        waiting = asyncio.create_task(database.wait(3600, database.heard()))
        await add(database, rows, step(rows, f"step-{number}"))
        async with asyncio.timeout(30):
            await waiting
            await database.close()
            database = type(database)(getattr(database, "path", None) or database._url)
