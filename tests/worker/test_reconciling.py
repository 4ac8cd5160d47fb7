"""What upkeep finds outside: it is booked for as long as it is there (B6, S10)."""

from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from execution_broker.domain.plan import StepKind
from execution_broker.models.phases import SessionPhase
from execution_broker.worker.carrying import Carrier
from tests.harness.asking import request
from tests.harness.broker import Broker, broker, working
from tests.harness.waiting import until
from tests.worker.queueing import claimed

LIVE = "SELECT count(*) FROM booking WHERE ended_at IS NULL AND component <> 'outputs'"


async def test_what_is_destroyed_and_lingers_stays_booked_until_it_is_gone(tmp_path: Path) -> None:
    """Remote platforms say that something is being deleted long before it is."""
    two = {"here": {"plugin": "scripted"}, "there": {"plugin": "scripted"}}
    async with broker(tmp_path, worker={"attempts": 1}, platforms=two) as made:
        alice = await made.caller("alice")
        async with working(made):
            uuid = await made.run(alice, request(script={"release_storage": "permanent"}))

            async def is_over() -> bool:
                left = "SELECT count(*) FROM step WHERE session_id IS NOT NULL AND ended_at IS NULL"
                return await made.rows(left) == [(0,)]

            await until(is_over)
        lingers = [tmp_path / "platforms" / name / "lingers" for name in two]
        for one in lingers:
            one.touch()
        booked = await made.rows(LIVE)
        assert booked != [(0,)]
        for _ in range(2):
            await _reconcile(made)
            assert await made.rows(LIVE) == booked
            assert await _is_released(made, uuid) is False
        for one in lingers:
            one.unlink()
        await _reconcile(made)
        assert await made.rows(LIVE) == [(0,)]
        assert await _is_released(made, uuid)
        assert await made.rows("SELECT count(*) FROM receipt WHERE gone_at IS NULL") == [(0,)]
        assert (await made.session(alice, uuid)).phase is SessionPhase.FAILED


async def test_what_is_still_being_released_is_left_to_that(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        alice = await made.caller("alice")
        uuid = await made.run(alice, request())
        await made.set_phase(alice, uuid, "CANCELLED")
        booked = await made.rows(LIVE)
        assert booked != [(0,)]
        await _reconcile(made)
        assert await made.rows(LIVE) == booked
        assert await _is_released(made, uuid) is False
        async with working(made):
            await made.ended(alice, uuid)
        assert await made.rows(LIVE) == [(0,)]


async def test_a_cancelled_session_stays_so_when_its_release_fails(tmp_path: Path) -> None:
    async with broker(tmp_path, worker={"attempts": 1}) as made, working(made):
        alice = await made.caller("alice")
        script = {"run": "forever", "release_storage": "permanent"}
        uuid = await made.run(alice, request(script=script))

        async def is_running() -> bool:
            return (await made.session(alice, uuid)).phase is SessionPhase.RUNNING

        async def has_failed() -> bool:
            meta = (await made.session(alice, uuid)).meta
            assert meta is not None
            return any(one.kind.endswith("release-failed") for one in meta.messages)

        await until(is_running)
        await made.set_phase(alice, uuid, "CANCELLED")
        await until(has_failed)
        assert (await made.session(alice, uuid)).phase is SessionPhase.CANCELLED


async def _reconcile(made: Broker) -> None:
    """Each platform, the next time that it is due."""
    made.shift(timedelta(seconds=made.settings.upkeep.reconcile))
    processor = uuid4()
    carrier = Carrier(made.database, made.work.handlers, made.settings.worker, processor)
    leased = await claimed(made, processor, StepKind.RECONCILE, 10)
    assert len(leased) == len(made.work.platforms)
    for step in leased:
        await carrier.carry(step)


async def _is_released(made: Broker, uuid: str) -> bool:
    rows = await made.rows("SELECT released_at FROM session WHERE uuid = ?", uuid)
    return rows[0][0] is not None
