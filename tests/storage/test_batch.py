"""A transaction of a worker, and what the next one still knows of its sessions."""

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from execution_broker.domain.lifecycle import StepPhase
from execution_broker.domain.plan import StepKind
from execution_broker.models.phases import SessionPhase
from execution_broker.storage import outside, sessions, steps, waking
from execution_broker.storage.batch import Batch
from execution_broker.storage.database import Connection, Row
from execution_broker.storage.frames import Frames, Kept
from execution_broker.storage.records import LeasedStep, NewEvent, Progress, StoredSession
from execution_broker.storage.steps import Lease, NewStep
from tests.storage.rows import Rows, a_session


async def test_a_session_is_read_again_only_if_somebody_else_has_written_it(database: Any) -> None:
    (rows, step), frames = await _begun(database), Frames()
    first = await _said(database, frames, rows, step, "mine")
    second = await _said(database, frames, rows, step, "mine, too")
    assert second is first

    async def elsewhere(connection: Connection) -> None:
        session = await sessions.locked(connection, rows.session.id)
        assert session is not None
        session.description = "theirs"
        await sessions.save(connection, session, rows.now)

    await database.write(elsewhere)
    third = await _said(database, frames, rows, step, "mine again")
    assert third is not first
    assert third.description == "theirs"
    stored = await database.look(partial(sessions.by_id, id_=rows.session.id))
    assert stored.description == "theirs"
    assert (stored.name, stored.events) == ("mine again", 3)


async def test_after_trouble_nothing_is_known(database: Any) -> None:
    (rows, step), frames = await _begun(database), Frames()
    first = await _said(database, frames, rows, step, "mine")
    frames.forget()
    assert await _said(database, frames, rows, step, "again") is not first


async def test_a_session_that_is_released_is_forgotten(database: Any) -> None:
    (rows, step), frames = await _begun(database), Frames()

    async def ends(connection: Connection) -> list[Kept]:
        batch = Batch(connection, frames)
        await batch.open([step])
        session = await batch.session(rows.session.id)
        session.released = rows.now
        batch.save(session, rows.now)
        await batch.flush(rows.now)
        return batch.left()

    left = await database.write(ends)
    frames.keep(left)
    locked = {"id": rows.session.id, "uuid": rows.session.uuid, "revision": left[0].revision}
    assert frames.take(locked) is None


async def test_steps_that_wait_are_read_once_until_somebody_changes_them(database: Any) -> None:
    (rows, step), frames = await _begun(database), Frames()
    await _planned(database, rows, {"first": [], "second": ["first"], "third": ["second"]})
    assert await _woken(database, frames, rows, step, []) == ["first"]
    assert await _woken(database, frames, rows, step, ["first"]) == ["second"]

    async def elsewhere(connection: Connection) -> None:
        session = await sessions.locked(connection, rows.session.id)
        assert session is not None
        await steps.cancel_unclaimed(connection, session.id, rows.now)
        session.new_events.append(NewEvent("test", None, {}, rows.now))
        await sessions.save(connection, session, rows.now)

    await database.write(elsewhere)
    assert await _woken(database, frames, rows, step, ["second"]) == []


async def test_what_is_cancelled_lets_its_release_begin(database: Any) -> None:
    """In one transaction with the steps' making, of which both are still to be written."""
    (rows, step), frames = await _begun(database), Frames()
    id_, platform = rows.session.id, rows.platform
    new = [
        NewStep(uuid4(), StepKind.END, "end", None, StepPhase.DORMANT, rows.now, ["held"]),
        NewStep(uuid4(), StepKind.FINISH, "last", None, StepPhase.DORMANT, rows.now, (), ["end"]),
    ]

    async def work(connection: Connection) -> list[StepKind]:
        batch = Batch(connection, frames)
        await batch.open([step])
        await steps.add(batch, id_, platform, new, rows.now)
        await steps.cancel_unclaimed(batch, id_, rows.now)
        await waking.wake(batch, [id_], rows.now)
        return [one.kind for one in await batch.flush(rows.now)]

    assert await database.write(work) == [StepKind.FINISH]
    found = await database.read(lambda c: _steps(c, id_))
    assert {(one["key"], one["phase"]) for one in found} == {
        ("held", "RUNNING"),
        ("end", "CANCELLED"),
        ("last", "READY"),
    }


async def test_progress_of_a_component_is_another_writing(database: Any) -> None:
    (rows, step), frames = await _begun(database), Frames()
    await _said(database, frames, rows, step, "mine")
    (key, *_) = rows.session.components
    done = Progress(1, 2, "bytes")
    await database.write(lambda c: sessions.save_progress(c, rows.session.id, key, done))
    assert (await _said(database, frames, rows, step, "again")).components[key].progress == done


async def test_what_was_not_committed_is_not_known(database: Any) -> None:
    (rows, step), frames = await _begun(database), Frames()
    await _said(database, frames, rows, step, "mine")

    async def fails(connection: Connection) -> None:
        batch = Batch(connection, frames)
        await batch.open([step])
        (await batch.session(rows.session.id)).phase = SessionPhase.FAILED
        raise KeyError("in the middle")

    with pytest.raises(KeyError):
        await database.write(fails)
    assert (await _said(database, frames, rows, step, "again")).phase is rows.session.phase


async def test_what_was_gathered_is_found_by_who_reads_it(database: Any) -> None:
    (rows, step), frames = await _begun(database), Frames()

    async def work(connection: Connection) -> tuple[dict[str, int], int]:
        batch, id_ = Batch(connection, frames), rows.session.id
        await batch.open([step])
        await outside.intend(batch, id_, rows.platform, "compute", "it", rows.now)
        await outside.made(batch, id_, "compute", "handle", rows.now)
        for offset, data in ((0, b"one"), (3, b"two")):
            await outside.add_part(batch, id_, "stdout", offset, data)
        seen = await outside.seen(batch, id_)
        (receipt,) = await outside.receipts(batch, id_)
        assert receipt.handle == "handle"
        await outside.gone(batch, id_, "compute", rows.now)
        await batch.flush(rows.now)
        return seen, len(await outside.parts(connection, id_, "stdout"))

    assert await database.write(work) == ({"stdout": 6}, 2)
    (receipt,) = await database.read(lambda c: outside.receipts(c, rows.session.id))
    assert receipt.gone == rows.now


async def _begun(database: Any) -> tuple[Rows, LeasedStep]:
    """A session, and a step of it that is carried."""
    rows = await a_session(database)
    new = NewStep(uuid4(), StepKind.WATCH, "held", None, StepPhase.READY, rows.now)
    lease = Lease(uuid4(), [StepKind.WATCH], [rows.platform], 1, timedelta(seconds=30))
    await database.write(lambda c: steps.add(c, rows.session.id, rows.platform, [new], rows.now))
    (step,) = await database.write(lambda c: steps.claim(c, lease))
    return rows, step


async def _said(
    database: Any, frames: Frames, rows: Rows, step: LeasedStep, name: str
) -> StoredSession:
    """The session as a transaction of a worker sees it, which gives it a name and an event."""

    async def work(connection: Connection) -> tuple[StoredSession, list[Kept]]:
        batch = Batch(connection, frames)
        await batch.open([step])
        session = await batch.session(rows.session.id)
        session.name = name
        session.new_events.append(NewEvent("test", None, {}, rows.now))
        batch.save(session, rows.now)
        await batch.flush(rows.now)
        return session, batch.left()

    session, left = await database.write(work)
    frames.keep(left)
    found: StoredSession = session
    return found


async def _planned(database: Any, rows: Rows, needs: dict[str, list[str]]) -> None:
    new = [
        NewStep(uuid4(), StepKind.END, key, None, StepPhase.DORMANT, rows.now, before)
        for key, before in needs.items()
    ]
    await database.write(lambda c: steps.add(c, rows.session.id, rows.platform, new, rows.now))


async def _woken(
    database: Any, frames: Frames, rows: Rows, step: LeasedStep, ended: list[str]
) -> list[str]:
    """The keys of the steps that wake when these have ended."""
    id_ = rows.session.id

    async def work(connection: Connection) -> tuple[list[int], list[Kept]]:
        batch = Batch(connection, frames)
        await batch.open([step])
        keys = {one["key"]: one["id"] for one in await _steps(connection, id_)}
        for key in ended:
            values = {"id": keys[key], "phase": StepPhase.COMPLETED, "now": rows.now}
            await batch.execute("end_step", **values)
        await waking.wake(batch, [id_], rows.now)
        batch.add_event(id_, NewEvent("test", None, {}, rows.now))
        session = await batch.session(id_)
        batch.save(session, rows.now)
        woken = await batch.flush(rows.now)
        return [one.id for one in woken], batch.left()

    found, left = await database.write(work)
    frames.keep(left)
    named = await database.read(lambda c: _steps(c, id_))
    return [one["key"] for one in named if one["id"] in found]


async def _steps(connection: Connection, session: int) -> list[Row]:
    return await connection.rows("sleeping_steps", sessions=[session])
