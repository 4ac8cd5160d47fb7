"""Brief steps are carried together, in one transaction, and a poisonous one fails alone."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from execution_broker.domain.errors import OutsideError
from execution_broker.domain.plan import StepKind
from execution_broker.steps.base import Applied, Completed, Failed
from execution_broker.storage.database import Connection
from execution_broker.storage.records import LeasedStep
from execution_broker.worker.carrying import Carrier
from execution_broker.worker.desk import Desk
from tests.harness.broker import Broker, broker
from tests.worker.queueing import claim, queue, session_of


class Brief:
    """A kind of step that does nothing outside; one that is named poison cannot be applied."""

    kind = StepKind.END

    def __init__(self) -> None:
        self.applied: list[str] = []

    async def load(self, connection: Connection, step: LeasedStep, now: Any) -> None:
        return None

    async def act(self, loaded: None) -> None:
        return None

    async def apply(
        self, connection: Connection, step: LeasedStep, loaded: None, result: None, now: Any
    ) -> Applied:
        if step.key == "poison":
            raise ZeroDivisionError
        self.applied.append(step.key)
        return Completed()

    async def fail(
        self, connection: Connection, step: LeasedStep, error: OutsideError, now: Any
    ) -> Applied:
        return Failed()


async def test_what_is_carried_together_ends_together_and_wakes_what_waited(
    tmp_path: Path,
) -> None:
    async with broker(tmp_path) as made:
        sessions = [await session_of(made) for _ in range(3)]
        for session in sessions:
            await queue(made, session, ["one", "two"], then="last")
        leased, processor = await claim(made, 6)
        handler = Brief()
        await _carrier(made, handler, processor).carry_together(leased)
        assert sorted(handler.applied) == ["one"] * 3 + ["two"] * 3
        ready = await made.rows("SELECT key FROM step WHERE phase = 'READY' AND kind LIKE '%:end'")
        assert ready == [("last",)] * 3
        for session in sessions:
            await _is_gapless(made, session, ends=2)


async def test_what_wakes_and_is_brief_is_done_in_the_same_transaction(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        session = await session_of(made)
        await queue(made, session, ["one", "two"], then="last")
        leased, processor = await claim(made, 2)
        handler = Brief()
        await _going_on(made, handler, processor).carry_together(leased)
        assert sorted(handler.applied) == ["last", "one", "two"]
        await _is_gapless(made, session, ends=3)


async def test_what_wakes_and_is_poisonous_spoils_nothing_before_it(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        session = await session_of(made)
        await queue(made, session, ["one", "two"], then="poison")
        leased, processor = await claim(made, 2)
        await _going_on(made, Brief(), processor).carry_together(leased)
        ready = await made.rows("SELECT key FROM step WHERE phase = 'READY' AND kind LIKE '%:end'")
        assert ready == [("poison",)]
        await _is_gapless(made, session, ends=2)


async def test_a_poisonous_step_fails_alone(tmp_path: Path) -> None:
    async with broker(tmp_path, worker={"attempts": 1}) as made:
        session = await session_of(made)
        await queue(made, session, ["one", "poison", "two"])
        leased, processor = await claim(made, 3)
        handler = Brief()
        await _carrier(made, handler, processor).carry_together(leased)
        found = await made.rows(
            "SELECT key, phase FROM step WHERE session_id = ? AND kind LIKE '%:end' "
            "AND ended_at IS NOT NULL ORDER BY key",
            session,
        )
        assert found == [("one", "COMPLETED"), ("poison", "FAILED"), ("two", "COMPLETED")]
        await _is_gapless(made, session, ends=3)


async def test_a_batch_leaves_alone_what_it_has_lost(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        session = await session_of(made)
        await queue(made, session, ["one", "two"])
        stale, processor = await claim(made, 2)
        made.shift(timedelta(minutes=1))
        (taken,), _ = await claim(made, 1)
        handler = Brief()
        await _carrier(made, handler, processor).carry_together(stale)
        assert handler.applied == [step.key for step in stale if step.id != taken.id]


def _carrier(made: Broker, handler: Brief, processor: UUID) -> Carrier:
    return Carrier(made.database, {handler.kind: handler}, made.settings.worker, processor)


def _going_on(made: Broker, handler: Brief, processor: UUID) -> Carrier:
    """Whose desk hands it what wakes."""
    desk = Desk(made.database)
    carrier = Carrier(
        made.database, {handler.kind: handler}, made.settings.worker, processor, desk=desk
    )
    desk.brief.append(carrier.brief([handler.kind]))
    return carrier


async def _is_gapless(made: Broker, session: int, ends: int) -> None:
    rows = await made.rows(
        "SELECT number, type FROM event WHERE session_id = ? ORDER BY number", session
    )
    ((counted,),) = await made.rows("SELECT events FROM session WHERE id = ?", session)
    born = counted - len(rows)  # what an offer is born with has no rows
    assert [number for number, _ in rows] == list(range(born + 1, counted + 1))
    assert [kind for _, kind in rows].count("step-end") == ends
