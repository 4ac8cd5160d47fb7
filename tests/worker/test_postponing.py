"""A session whose place was slow to start it loses nothing of its time, if there is room."""

from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from execution_broker.domain.identity import Caller
from execution_broker.models.execution import ExecutionSession
from execution_broker.models.phases import SessionPhase
from execution_broker.storage import auditing
from execution_broker.transitions.replaying import replay
from tests.harness.asking import request
from tests.harness.broker import Broker, broker, working
from tests.harness.locking import locked
from tests.harness.waiting import until

ONE = {"offers": 1}
HERE = {"plugin": "scripted", "cores": 1}
FOREVER = {"run": "forever"}
CAPACITY = {"cores": 1, "memory": 4, "storage": 10, "outputs": 10}
QUEUE = {"plugin": "simulated", "capacity": CAPACITY, "delays": {"start": 20}}


async def starting(made: Broker, caller: Caller, duration: str) -> str:
    """A session that its place is about to start."""
    script = {**FOREVER, "start": "held"}
    uuid = await made.run(caller, request(duration=duration, script=script))

    async def is_held() -> bool:
        return made.is_marked(uuid, "start")

    await until(is_held)
    return uuid


async def runs(made: Broker, uuid: str) -> ExecutionSession:
    async def is_running() -> bool:
        return (await made.session(None, uuid)).phase is SessionPhase.RUNNING

    await until(is_running)
    return await made.session(None, uuid)


async def lasts(made: Broker, uuid: str) -> timedelta:
    ((started, ends),) = await made.rows(
        "SELECT started_at, ends_at FROM session WHERE uuid = ?", uuid
    )
    return made.instant(ends) - made.instant(started)


def said(session: ExecutionSession) -> list[str]:
    assert session.meta is not None
    return [message.kind.rpartition(":")[2] for message in session.meta.messages]


async def is_sound(made: Broker, uuid: str) -> None:
    assert (await auditing.audit(made.database)).findings == ()
    replayed = await made.database.read(partial(replay, uuid=UUID(uuid)))
    assert replayed.differences == ()


async def test_its_time_counts_from_when_it_runs(tmp_path: Path) -> None:
    async with broker(tmp_path, negotiation=ONE, platforms={"here": HERE}) as made, working(made):
        alice = await made.caller("alice")
        uuid = await starting(made, alice, "PT10M")
        made.shift(timedelta(minutes=3))
        made.unmark(uuid, "start")
        session = await runs(made, uuid)
        assert said(session).count("postponed") == 1
        assert await lasts(made, uuid) == timedelta(minutes=10)
        ((booked, ends),) = await made.rows(
            "SELECT b.end_second, s.ends_at FROM booking AS b JOIN session AS s"
            " ON s.id = b.session_id WHERE b.ended_at IS NULL AND b.amount_name = 'cores'"
        )
        assert booked >= int(made.instant(ends).timestamp())
        await is_sound(made, uuid)
        made.shift(timedelta(minutes=9))
        assert (await made.session(alice, uuid)).phase is SessionPhase.RUNNING
        made.shift(timedelta(minutes=2))
        assert "cut-off" in said(await made.ended(alice, uuid))


async def test_the_end_stays_where_others_come_after_it(tmp_path: Path) -> None:
    async with broker(tmp_path, negotiation=ONE, platforms={"here": HERE}) as made, working(made):
        alice, bob = await made.caller("alice"), await made.caller("bob")
        uuid = await starting(made, alice, "PT10M")
        after = await made.run(bob, request(duration="PT10M", script=FOREVER))
        made.shift(timedelta(minutes=3))
        made.unmark(uuid, "start")
        session = await runs(made, uuid)
        assert said(session).count("started-late") == 1
        assert await lasts(made, uuid) < timedelta(minutes=8)
        assert await made.rows("SELECT is_promise_broken FROM session WHERE uuid = ?", uuid) == [
            (1,)
        ]
        await is_sound(made, uuid)
        made.shift(timedelta(minutes=8))
        await made.ended(alice, uuid)
        await runs(made, after)


async def test_the_lock_of_the_platform_is_not_waited_for(tmp_path: Path) -> None:
    """Who watches the session decides later."""
    sections: dict[str, Any] = {"negotiation": ONE, "platforms": {"here": HERE}}
    async with broker(tmp_path, **sections) as made:
        alice = await made.caller("alice")
        ((key, _),) = made.work.platforms.items()
        async with working(made):
            uuid = await starting(made, alice, "PT10M")
            made.shift(timedelta(minutes=3))
            async with locked(made, key):
                made.unmark(uuid, "start")
                if not made.is_embedded():
                    assert "postponed" not in said(await runs(made, uuid))

            async def is_postponed() -> bool:
                return "postponed" in said(await made.session(None, uuid))

            await until(is_postponed)
        assert await lasts(made, uuid) == timedelta(minutes=10)
        await is_sound(made, uuid)


async def test_a_batch_that_waited_in_a_queue_is_not_stopped_before_it_has_finished(
    tmp_path: Path,
) -> None:
    async with broker(tmp_path, platforms={"there": QUEUE}) as made, working(made):
        alice = await made.caller("alice")
        body = request(duration="PT40S")
        body["executable"] |= {"location": "simulated://x", "parameters": {"SIMULATED_RUN": 30}}
        uuid = await made.run(alice, body)

        async def is_queued() -> bool:
            rows = await made.rows("SELECT ends_at FROM session WHERE ends_at IS NOT NULL")
            return bool(rows)

        await until(is_queued)
        made.shift(timedelta(seconds=21))
        assert "postponed" in said(await runs(made, uuid))
        made.shift(timedelta(seconds=31))
        assert (await made.ended(alice, uuid)).phase is SessionPhase.COMPLETED
