"""Who acts for long keeps its lease, and only its own (S4)."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from execution_broker.domain.errors import OutsideError, Unavailable
from execution_broker.domain.plan import StepKind
from execution_broker.steps.base import Applied, Completed, Failed
from execution_broker.storage import steps
from execution_broker.storage.database import Connection, Database
from execution_broker.storage.records import LeasedStep
from execution_broker.worker.carrying import Carrier
from execution_broker.worker.claiming import Pool
from execution_broker.worker.renewing import Held, Loss, Renewer
from execution_broker.worker.worker import Worker
from tests.harness.asking import request
from tests.harness.broker import Broker, broker
from tests.harness.waiting import until
from tests.worker.queueing import LASTS, claimed, queue, session_of

OFTEN = timedelta(seconds=0.02)

_ATTEMPTS = "SELECT attempt FROM step WHERE kind LIKE '%:end'"


class Slow:
    """A kind of step that acts until it is let go. It cannot be done with others in a transaction,
    which is tried twice."""

    kind = StepKind.END

    def __init__(self) -> None:
        self.is_acting = asyncio.Event()
        self.go = asyncio.Event()
        self._failures = 2

    async def load(self, connection: Connection, step: LeasedStep, now: Any) -> str:
        return step.key

    async def act(self, loaded: str) -> None:
        if self._failures:
            self._failures -= 1
            raise ZeroDivisionError
        self.is_acting.set()
        await self.go.wait()

    async def apply(
        self, connection: Connection, step: LeasedStep, loaded: str, result: None, now: Any
    ) -> Applied:
        return Completed()

    async def fail(
        self, connection: Connection, step: LeasedStep, error: OutsideError, now: Any
    ) -> Applied:
        return Failed()


async def test_all_of_a_batch_stay_leased_however_long_they_take(tmp_path: Path) -> None:
    async with broker(tmp_path, worker={"renewal": 1}) as made:
        sessions = [await session_of(made) for _ in range(2)]
        for session, key in zip(sessions, ("one", "two"), strict=True):
            await queue(made, session, [key])
        handler = Slow()
        pool = Pool(uuid4(), [handler.kind], concurrency=1, batch=10)
        platforms, settings = list(made.work.platforms), made.settings.worker
        worker = Worker(made.open_database, {handler.kind: handler}, platforms, [pool], settings)
        running = asyncio.create_task(worker.run(made.database))
        await handler.is_acting.wait()
        ended = "UPDATE session SET ended_at = accepted_at WHERE id = ?"
        await made.rows_changed(ended, sessions[0])  # that of one is over: the other stays
        for _ in range(2):
            before = dict(await _lapsing(made))

            async def are_renewed(before: Mapping[str, Any] = before) -> bool:
                now = dict(await _lapsing(made))
                return all(now[key] > before[key] for key in ("one", "two"))

            await until(are_renewed, LASTS.total_seconds() / 2)
        handler.go.set()

        async def are_done() -> bool:
            done = "SELECT count(*) FROM step WHERE kind LIKE '%:end' AND phase = 'COMPLETED'"
            return await made.rows(done) == [(2,)]

        await until(are_done)
        worker.stop()
        await running
        assert {count for (count,) in await made.rows(_ATTEMPTS)} == {1}


async def test_of_two_attempts_of_one_processor_the_later_one_keeps_the_lease(
    tmp_path: Path,
) -> None:
    """A machine that was asleep claims its own step again before it has renewed anything."""
    async with broker(tmp_path) as made:
        await queue(made, await session_of(made), ["one"])
        processor = uuid4()
        first = await _claimed(made, processor)
        async with renewing(made) as renewer:
            losses: list[tuple[int, Loss]] = []

            def held(attempt: int) -> Held:
                return Held(processor, lambda loss: losses.append((attempt, loss)))

            made.shift(timedelta(minutes=1))
            second = await _claimed(made, processor)
            renewer.hold([first], held(1))
            renewer.hold([second], held(2))

            async def is_told() -> bool:
                return bool(losses)

            await until(is_told)
            renewer.release([first])
            told = len(losses)
            ((_, before),) = await _lapsing(made)
            made.shift(timedelta(seconds=10))

            async def is_renewed() -> bool:
                ((_, now),) = await _lapsing(made)
                return bool(now > before)

            await until(is_renewed)
            assert set(losses) == {(1, Loss.LAPSED)}
            assert len(losses) == told


async def test_each_processor_keeps_its_own_leases_for_all_of_their_time(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        await queue(made, await session_of(made), ["one", "two"])
        losses: list[Loss] = []
        async with renewing(made) as renewer:
            for _ in range(2):
                processor = uuid4()
                renewer.hold([await _claimed(made, processor)], Held(processor, losses.append))
            before = dict(await _lapsing(made))

            async def are_renewed() -> bool:
                now = dict(await _lapsing(made))
                return all(now[key] > before[key] for key in before)

            await until(are_renewed)
        made.shift(LASTS - timedelta(seconds=5))
        assert await claimed(made, uuid4(), StepKind.END) == []
        assert losses == []


async def test_who_cannot_renew_stops_before_the_lease_lapses(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        await queue(made, await session_of(made), ["one"])
        processor = uuid4()
        leased = await _claimed(made, processor)
        losses: list[Loss] = []
        async with renewing(made, Away(made.database), timedelta(seconds=0.2)) as renewer:
            renewer.hold([leased], Held(processor, losses.append))

            async def are_told() -> bool:
                return bool(losses)

            await until(are_told, 20)
        assert set(losses) == {Loss.LAPSED}


@pytest.mark.parametrize(("lapses", "phase"), [(2, "PREPARING"), (3, "FAILED")])
@pytest.mark.parametrize("is_batch", [False, True], ids=["alone", "in a batch"])
async def test_a_step_that_is_lost_too_often_is_given_up_and_no_sooner(
    tmp_path: Path, *, is_batch: bool, lapses: int, phase: str
) -> None:
    async with broker(tmp_path, worker={"lapses": 2}) as made:
        alice = await made.caller("alice")
        uuid = await made.run(alice, request())
        processor = uuid4()
        for _ in range(lapses):
            await _claimed(made, processor, StepKind.BEGIN)
            made.shift(timedelta(minutes=1))
        leased = await _claimed(made, processor, StepKind.BEGIN)
        assert leased.lapses == lapses
        carrier = Carrier(made.database, made.work.handlers, made.settings.worker, processor)
        await (carrier.carry_together([leased]) if is_batch else carrier.carry(leased))
        session = await made.session(alice, uuid)
        assert session.phase == phase
        assert session.meta is not None
        lost = [one for one in session.meta.messages if one.kind.endswith("step-lost")]
        assert len(lost) == (phase == "FAILED")


class Away:
    """A database that takes no connection."""

    def __init__(self, database: Database) -> None:
        self.meter = database.meter

    async def write(self, work: Any) -> Any:
        raise Unavailable("The database is away.")

    async def close(self) -> None:
        return None


async def test_who_gives_a_step_back_does_not_forgive_it(tmp_path: Path) -> None:
    """Else one that fails would never be given up by workers that are often started anew."""
    async with broker(tmp_path) as made:
        await queue(made, await session_of(made), ["one"])
        processor = uuid4()
        carrier = Carrier(made.database, made.work.handlers, made.settings.worker, processor)
        failing = await _claimed(made, processor)

        async def put_back(connection: Connection) -> None:
            now = await connection.clock()
            await steps.put_back(connection, failing, now, failures=2, delays=3)

        await made.database.write(put_back)
        await carrier.give_back(await _claimed(made, processor))
        again = await _claimed(made, processor)
        assert (again.failures, again.delays) == (2, 3)


@asynccontextmanager
async def renewing(
    made: Broker, away: Any = None, lasts: timedelta = LASTS
) -> AsyncIterator[Renewer]:
    renewer = Renewer((lambda: away) if away else made.open_database, OFTEN, lasts)
    renewer.start()
    try:
        yield renewer
    finally:
        await asyncio.to_thread(renewer.stop)


async def _claimed(made: Broker, processor: UUID, kind: StepKind = StepKind.END) -> LeasedStep:
    (leased,) = await claimed(made, processor, kind)
    return leased


async def _lapsing(made: Broker) -> list[tuple[str, datetime]]:
    """When each step of `queue` lapses, as the database writes it."""
    return await made.rows("SELECT key, free_at FROM step WHERE kind LIKE '%:end'")
