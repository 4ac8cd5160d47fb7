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
    async with broker(tmp_path, worker={"attempts": 1}) as made:
        alice = await made.caller("alice")
        async with working(made):
            uuid = await made.run(alice, request(script={"release_storage": "permanent"}))

            async def is_over() -> bool:
                left = "SELECT count(*) FROM step WHERE session_id IS NOT NULL AND ended_at IS NULL"
                return await made.rows(left) == [(0,)]

            await until(is_over)
        lingers = tmp_path / "platforms/here/lingers"
        lingers.touch()
        booked = await made.rows(LIVE)
        assert booked != [(0,)]
        for _ in range(2):
            await _reconcile(made)
            assert await made.rows(LIVE) == booked
            assert await _is_released(made, uuid) is False
        lingers.unlink()
        await _reconcile(made)
        assert await made.rows(LIVE) == [(0,)]
        assert await _is_released(made, uuid)
        assert (await made.session(alice, uuid)).phase is SessionPhase.FAILED


async def _reconcile(made: Broker) -> None:
    """The next time that it is due."""
    made.shift(timedelta(seconds=made.settings.upkeep.reconcile))
    processor = uuid4()
    (leased,) = await claimed(made, processor, StepKind.RECONCILE)
    await Carrier(made.database, made.work.handlers, made.settings.worker, processor).carry(leased)


async def _is_released(made: Broker, uuid: str) -> bool:
    rows = await made.rows("SELECT released_at FROM session WHERE uuid = ?", uuid)
    return rows[0][0] is not None
