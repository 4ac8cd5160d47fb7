"""Whoever writes bookings takes the time of that under the lock, however long it had to wait (B5).

Each waits here for another process, whose clock is two minutes ahead and which decides something
before it lets go.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import pytest

from execution_broker.domain import messages
from execution_broker.domain.identity import Caller
from execution_broker.models.phases import SessionPhase
from execution_broker.models.update import DeltaUpdate
from execution_broker.steps.orphans import end_bookings
from execution_broker.storage import auditing, offersets, sessions
from execution_broker.storage.database import Connection
from execution_broker.transitions import ending
from execution_broker.transitions.expiring import expire
from tests.architecture.test_bookings import deciders
from tests.harness.asking import request, uuid_of
from tests.harness.broker import Broker, broker, working
from tests.harness.locking import locked, somebody_waits
from tests.harness.waiting import until

Act = Callable[[], Awaitable[object]]
Writer = Callable[[Broker, Caller], AsyncIterator[Act]]


async def _ask(made: Broker, alice: Caller) -> AsyncIterator[Act]:
    yield lambda: made.ask(alice, request())


async def _accept(made: Broker, alice: Caller) -> AsyncIterator[Act]:
    uuid = await _offer(made, alice)
    yield lambda: made.set_phase(alice, uuid, "ACCEPTED")


async def _reject(made: Broker, alice: Caller) -> AsyncIterator[Act]:
    uuid = await _offer(made, alice)
    yield lambda: made.set_phase(alice, uuid, "REJECTED")


async def _change(made: Broker, alice: Caller) -> AsyncIterator[Act]:
    uuid = UUID(await made.run(alice, request()))
    longer = DeltaUpdate("schedule.available.duration", 5, "min")
    yield lambda: made.services.sessions.update(uuid, alice, longer)


async def _expire(made: Broker, alice: Caller) -> AsyncIterator[Act]:
    await made.ask(alice, request())
    await made.later(minutes=10)

    async def sweep(connection: Connection) -> None:
        now = await connection.clock()
        await expire(connection, await offersets.expired(connection, now, 100), now)

    yield lambda: made.database.write(sweep)


async def _abandoned(made: Broker, alice: Caller) -> AsyncIterator[Act]:
    uuid = UUID(await made.run(alice, request()))

    async def let_go(connection: Connection) -> None:
        session, now = await sessions.by_uuid(connection, uuid), await connection.clock()
        assert session is not None
        await ending.fail(connection, session, messages.LOST(hint=""), now)
        await end_bookings(connection, session)
        ending.finish(session, now)
        await sessions.save(connection, session, now)

    yield lambda: made.database.write(let_go)


async def _collect(made: Broker, alice: Caller) -> AsyncIterator[Act]:
    async with _stopped_at(made, alice, "collect") as go_on:
        yield go_on


async def _release(made: Broker, alice: Caller) -> AsyncIterator[Act]:
    async with _stopped_at(made, alice, "release_compute") as go_on:
        yield go_on


async def _report(made: Broker, _alice: Caller) -> AsyncIterator[Act]:
    yield made.report


WRITERS: Final[dict[str, tuple[Writer, ...]]] = {
    "services/booking/desk.py": (_ask, _accept, _reject, _change),
    "transitions/expiring.py": (_expire,),
    "steps/orphans.py": (_abandoned,),
    "steps/release.py": (_collect,),
    "storage/batch.py": (_release,),
    "steps/upkeep.py": (_report,),
}
"""By the file that decides. Whoever adds one adds what makes it write."""
WAITING_FOR_NOBODY: Final = frozenset({"steps/advancing.py", "steps/postponing.py"})
"""What takes the lock only where nobody has it: tests/worker/test_{advancing,postponing}.py."""


def test_every_writer_is_tested_here() -> None:
    assert deciders() == WRITERS.keys() | WAITING_FOR_NOBODY


@pytest.mark.parametrize("writer", [one for many in WRITERS.values() for one in many])
async def test_a_writer_decides_after_whomever_it_waited_for(
    tmp_path: Path, writer: Writer
) -> None:
    async with (
        broker(tmp_path, worker={"drain": 0}) as made,
        broker(tmp_path) as ahead,
    ):
        alice = await made.caller("alice")
        ((key, _),) = made.work.platforms.items()
        async for act in writer(made, alice):
            ahead.shift(made.opened[0].shift + timedelta(minutes=2) - ahead.opened[0].shift)
            async with locked(ahead, key) as decided:
                (version,) = await made.rows("SELECT version FROM platform")
                acting = asyncio.ensure_future(act())
                await somebody_waits(made)
            await acting
            times = await _decisions(made, version[0] + 1)
            assert times
            assert min(times) > decided
        assert (await auditing.audit(made.database)).findings == ()


async def _offer(made: Broker, alice: Caller) -> str:
    return uuid_of((await made.ask(alice, request())).offers[0])


@asynccontextmanager
async def _stopped_at(made: Broker, alice: Caller, call: str) -> AsyncIterator[Act]:
    """A session on its way through a worker that is held before what this call leads to."""
    uuid = await made.run(alice, request(script={call: "held"}))

    async def is_there() -> bool:
        return made.is_marked(uuid, call)

    async def go_on() -> None:
        made.unmark(uuid, call)
        session = await made.ended(alice, uuid)
        assert session.phase is SessionPhase.COMPLETED

    async with working(made):
        await until(is_there)
        yield go_on


async def _decisions(made: Broker, version: int) -> list[datetime]:
    """When what has a later version was decided: of the platform and of its bookings."""
    rows = await made.rows(
        "SELECT decided_at FROM platform WHERE version > ?"
        " UNION ALL SELECT coalesce(ended_at, made_at) FROM booking WHERE version > ?",
        version,
        version,
    )
    return [made.instant(one) for (one,) in rows]
