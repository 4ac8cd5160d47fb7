"""What a worker promises beyond a single session's life."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from execution_broker.domain.errors import OutsideError
from execution_broker.domain.plan import StepKind
from execution_broker.metering import PrometheusMeter
from execution_broker.models.phases import SessionPhase
from execution_broker.steps.base import Applied, Completed
from execution_broker.storage import events, sessions, steps
from execution_broker.storage.database import Connection
from execution_broker.storage.records import LeasedStep
from execution_broker.storage.steps import Lease
from execution_broker.worker.carrying import Carrier
from tests.harness.asking import request
from tests.harness.broker import Broker, broker, working
from tests.harness.waiting import until


async def test_a_session_goes_on_after_a_restart(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        alice = await made.caller("alice")
        uuid = await made.run(alice, request(script={"run": "forever"}))
        async with working(made):
            await until(lambda: _is(made, uuid, SessionPhase.RUNNING))
    async with broker(tmp_path) as again, working(again):
        alice = await again.caller("alice")
        assert (await again.session(alice, uuid)).phase is SessionPhase.RUNNING
        await again.set_phase(alice, uuid, "CANCELLED")
        await again.ended(alice, uuid)
        started = [key for what, _, key in again.creations() if what == "start"]
        assert started == ["compute"]


async def test_events_are_gapless_and_end_with_the_phase(tmp_path: Path) -> None:
    async with broker(tmp_path) as made, working(made):
        alice = await made.caller("alice")
        uuid = await made.run(alice, request(script={"prepare_data": "transient"}))
        await made.ended(alice, uuid)

        async def finished() -> bool:
            left = await made.rows(
                "SELECT count(*) FROM step WHERE session_id IS NOT NULL AND ended_at IS NULL"
            )
            return left == [(0,)]

        await until(finished)
        stored = await made.database.read(lambda c: sessions.by_uuid(c, UUID(uuid)))
        assert stored is not None
        rows = await made.rows("SELECT number FROM event WHERE session_id = ?", stored.id)
        born = stored.events - len(rows)  # what an offer is born with has no rows
        assert sorted(number for (number,) in rows) == list(range(born + 1, stored.events + 1))
        log = await made.database.read(lambda c: events.after(c, stored.id, 0))
        phases = [event.body["phase"] for event in log if event.type == "session-phase"]
        assert phases == [
            "ACCEPTED",
            "PREPARING",
            "AVAILABLE",
            "RUNNING",
            "RELEASING",
            "COMPLETED",
        ]


async def test_a_distant_start_waits_and_prepares_in_time(tmp_path: Path) -> None:
    async with broker(tmp_path) as made, working(made):
        alice = await made.caller("alice")
        now = await made.database.read(_clock)
        start = (now + timedelta(hours=2)).replace(microsecond=0)
        window = f"{start.isoformat()}/PT1H"
        uuid = await made.run(alice, request(start=window, duration="PT10M"))
        await until(lambda: _is(made, uuid, SessionPhase.WAITING))
        assert made.creations() == []
        made.shift(timedelta(hours=2))
        await until(lambda: _is(made, uuid, SessionPhase.COMPLETED))


async def test_a_late_start_is_told_and_counted(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        alice = await made.caller("alice")
        uuid = await made.run(alice, request(script={"run": "forever"}, duration="PT1H"))
        made.shift(timedelta(minutes=30))
        async with working(made):
            await until(lambda: _is(made, uuid, SessionPhase.RUNNING))
            session = await made.session(alice, uuid)
            assert session.meta is not None
            assert any(m.kind.endswith("postponed") for m in session.meta.messages)
            assert await made.rows(
                "SELECT is_promise_broken FROM session WHERE uuid = ?", uuid
            ) == [(1,)]
            made.shift(timedelta(minutes=61))
            session = await made.ended(alice, uuid)
            assert session.meta is not None
            assert any(m.kind.endswith("cut-off") for m in session.meta.messages)


async def test_a_session_that_missed_its_time_fails_and_is_released(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        alice = await made.caller("alice")
        uuid = await made.run(alice, request(duration="PT10M"))
        made.shift(timedelta(hours=2))
        async with working(made):
            session = await made.ended(alice, uuid)
            assert session.phase is SessionPhase.FAILED
            assert session.meta is not None
            assert any(m.kind.endswith("too-late") for m in session.meta.messages)


async def test_what_a_failed_release_leaves_is_destroyed_by_reconciliation(tmp_path: Path) -> None:
    upkeep = {"reconcile": 1}
    async with broker(tmp_path, upkeep=upkeep, worker={"attempts": 1}) as made, working(made):
        alice = await made.caller("alice")
        uuid = await made.run(alice, request(script={"release_storage": "permanent"}))
        session = await made.ended(alice, uuid)
        assert session.phase is SessionPhase.FAILED
        assert session.meta is not None
        assert any(m.kind.endswith("release-failed") for m in session.meta.messages)
        assert made.holdings() == []
        live = "SELECT count(*) FROM booking WHERE ended_at IS NULL AND component <> 'outputs'"
        assert await made.rows(live) == [(0,)]


async def test_an_orphan_is_destroyed_and_what_is_live_is_not(tmp_path: Path) -> None:
    async with broker(tmp_path, upkeep={"reconcile": 1}) as made, working(made):
        alice = await made.caller("alice")
        uuid = await made.run(alice, request(script={"run": "forever"}))
        await until(lambda: _is(made, uuid, SessionPhase.RUNNING))
        orphan = tmp_path / "platforms/here/world" / str(uuid4()) / "compute"
        orphan.parent.mkdir()
        orphan.write_text("left by a crash")

        async def is_gone() -> bool:
            return not orphan.exists()

        await until(is_gone)
        assert (await made.session(alice, uuid)).phase is SessionPhase.RUNNING
        await made.set_phase(alice, uuid, "CANCELLED")
        await made.ended(alice, uuid)


async def test_what_is_over_is_forgotten_after_its_retention(tmp_path: Path) -> None:
    async with broker(tmp_path, upkeep={"purge": 1, "retention": 3600}) as made, working(made):
        alice = await made.caller("alice")
        uuid = await made.run(alice, request())
        await made.ended(alice, uuid)
        kept = tmp_path / "results" / uuid / "answer.txt"
        assert kept.exists()
        made.shift(timedelta(hours=2))

        async def is_forgotten() -> bool:
            return await made.rows("SELECT count(*) FROM session") == [(0,)]

        await until(is_forgotten)
        assert not kept.exists()
        assert await made.rows("SELECT count(*) FROM offerset") == [(0,)]


async def test_much_that_is_over_is_forgotten_batch_by_batch_at_once(tmp_path: Path) -> None:
    """Purging comes back after an hour, but not before it is done."""
    async with broker(tmp_path, upkeep={"purge": 3600, "retention": 3600}) as made:
        await made.ask(await made.caller("alice"), request())
        columns = (
            "platform_id, identity_id, offerset_id, amount_name, amount, start_second, end_second,"
            " version, made_at, expires_at"
        )
        await made.rows_changed(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)"
            f" INSERT INTO booking ({columns}) SELECT {columns}"
            " FROM (SELECT * FROM booking ORDER BY id LIMIT 1) AS one, n"
        )
        made.shift(timedelta(hours=2))
        async with working(made):

            async def is_forgotten() -> bool:
                return await made.rows("SELECT count(*) FROM booking") == [(0,)]

            await until(is_forgotten)


@pytest.mark.parametrize("is_same", [False, True], ids=["another", "the same"])
async def test_a_result_that_comes_after_the_lease_was_lost_is_thrown_away(
    tmp_path: Path, *, is_same: bool
) -> None:
    """A processor acts so long that another one has the step, or it has it again itself."""
    async with broker(tmp_path) as made:
        alice = await made.caller("alice")
        await made.run(alice, request())
        handler = Gate()
        first = uuid4()
        second = first if is_same else uuid4()
        stale = await _claim_begin(made, first)
        carrying = asyncio.create_task(_carrier(made, handler, first).carry(stale))
        await handler.acting.wait()
        made.shift(timedelta(minutes=1))
        leased = await _claim_begin(made, second)
        assert leased.attempt == stale.attempt + 1
        handler.go.set()
        await carrying
        assert handler.applied == 0
        meter = made.database.meter
        assert isinstance(meter, PrometheusMeter)
        assert b'broker_stale_applies_total{kind="begin"} 1.0' in meter.text()
        await _carrier(made, handler, second).carry(leased)
        assert handler.applied == 1


class Gate:
    """A kind of step that acts until it is let go, and counts what it applied."""

    kind = StepKind.BEGIN

    def __init__(self) -> None:
        self.acting = asyncio.Event()
        self.go = asyncio.Event()
        self.applied = 0

    async def load(self, connection: Connection, step: LeasedStep, now: Any) -> str:
        return "loaded"

    async def act(self, loaded: str) -> str:
        self.acting.set()
        await self.go.wait()
        return "done"

    async def apply(
        self, connection: Connection, step: LeasedStep, loaded: str, result: str, now: Any
    ) -> Applied:
        self.applied += 1
        return Completed(result)

    async def fail(
        self, connection: Connection, step: LeasedStep, error: OutsideError, now: Any
    ) -> Applied:
        raise AssertionError(error)


def _carrier(made: Broker, handler: Gate, processor: UUID) -> Carrier:
    return Carrier(made.database, {handler.kind: handler}, made.settings.worker, processor)


async def _claim_begin(made: Broker, processor: UUID) -> LeasedStep:
    async def work(connection: Connection) -> list[LeasedStep]:
        await connection.clock()
        kinds, platforms = [StepKind.BEGIN], list(made.work.platforms)
        lease = Lease(processor, kinds, platforms, 1, timedelta(seconds=30))
        return await steps.claim(connection, lease)

    (leased,) = await made.database.write(work)
    return leased


async def _is(made: Broker, uuid: str, phase: SessionPhase) -> bool:
    return (await made.session(None, uuid)).phase is phase


async def _clock(connection: Connection) -> Any:
    return await connection.clock()


async def test_the_cache_is_trimmed_of_what_nobody_is_to_be_given(tmp_path: Path) -> None:
    wanted, other = (tmp_path / "cache" / "sha256" / (d * 2) / (d * 64) for d in "0b")
    async with broker(tmp_path, cache={"size": 0}) as made:
        assert (await made.ask(await made.caller("alice"), request())).offers
        for entry in (wanted, other):
            entry.parent.mkdir(parents=True)
            entry.write_text("content")
        async with working(made):

            async def is_trimmed() -> bool:
                return not other.exists()

            await until(is_trimmed)
        assert wanted.exists()
