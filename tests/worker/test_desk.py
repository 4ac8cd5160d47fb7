"""What is written about leased steps shares transactions, and nobody waits long for a slow one."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from execution_broker.storage.batch import Batch
from execution_broker.storage.database import Database, Work
from execution_broker.storage.records import LeasedStep
from execution_broker.worker.desk import Desk
from tests.harness.broker import Broker, broker
from tests.harness.waiting import until
from tests.worker.queueing import claim, queue, session_of

T = TypeVar("T")


class Gated:
    """A database whose first transaction begins only when it is let go."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._gate = asyncio.Event()
        self.is_held = asyncio.Event()
        self.begun = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def write(self, work: Work[T]) -> T:
        self.begun += 1
        if self.begun == 1:
            self.is_held.set()
            await self._gate.wait()
        return await self._database.write(work)

    def let_go(self) -> None:
        self._gate.set()


class Told:
    """The keys of the steps that were written about, in that order."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    def one(self, step: LeasedStep) -> Callable[[Batch, datetime], Awaitable[None]]:
        async def write(*_: Any) -> None:
            self.keys.append(step.key)

        return write

    async def each(self, batch: Batch, step: LeasedStep, now: datetime) -> None:
        self.keys.append(step.key)


async def test_what_comes_while_one_is_written_shares_the_next_transaction(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        leased, by = await _leased(made, 4)
        gated, told = Gated(made.database), Told()
        desk = Desk(gated)
        first = asyncio.create_task(desk.together(by, leased[:1], told.each))
        await gated.is_held.wait()
        rest = [asyncio.create_task(desk.together(by, [step], told.each)) for step in leased[1:]]
        done = await asyncio.gather(*rest)
        assert [[step for step, _ in one] for one in done] == [[step] for step in leased[1:]]
        assert gated.begun == 2
        assert not first.done()
        gated.let_go()
        await first
        assert sorted(told.keys) == [step.key for step in leased]


async def test_fewer_than_a_slow_one_carries_do_not_wait_for_it(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        leased, by = await _leased(made, 4)
        gated, told = Gated(made.database), Told()
        desk = Desk(gated)
        slow = [asyncio.create_task(desk.write(step, by, told.one(step))) for step in leased[:3]]
        await gated.is_held.wait()
        written = await desk.write(leased[3], by, told.one(leased[3]))
        assert written is not None
        assert told.keys == ["step 3"]
        gated.let_go()
        await asyncio.gather(*slow)


async def test_what_comes_when_one_is_slow_already_does_not_wait_for_it(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        leased, by = await _leased(made, 4)
        gated, told = Gated(made.database), Told()
        desk = Desk(gated)
        slow = [asyncio.create_task(desk.write(step, by, told.one(step))) for step in leased[:3]]
        await gated.is_held.wait()
        clock = asyncio.get_running_loop().time
        late = clock() + 0.1

        async def is_late() -> bool:
            return clock() > late

        await until(is_late)
        async with asyncio.timeout(30):
            await desk.write(leased[3], by, told.one(leased[3]))
        assert told.keys == ["step 3"]
        gated.let_go()
        await asyncio.gather(*slow)


async def test_errands_of_a_session_keep_their_order(tmp_path: Path) -> None:
    """What waits for a session that is being written is not passed by what came later for any of
    its own sessions: else it might wait for ever."""
    async with broker(tmp_path) as made:
        for keys in (["first", "second"], ["also", "later"], ["other"]):
            await queue(made, await session_of(made), keys)
        leased, by = await claim(made, 5)
        first, second, also, later, other = leased
        gated, told = Gated(made.database), Told()
        desk = Desk(gated)
        held = asyncio.create_task(desk.write(first, by, told.one(first)))
        await gated.is_held.wait()
        both = asyncio.create_task(desk.together(by, [second, also], told.each))
        last = asyncio.create_task(desk.write(later, by, told.one(later)))
        await desk.write(other, by, told.one(other))
        assert told.keys == ["other"]
        gated.let_go()
        await asyncio.gather(held, both, last)
        assert told.keys.index("first") < told.keys.index("second")
        assert told.keys.index("also") < told.keys.index("later")


async def _leased(made: Broker, number: int) -> tuple[list[LeasedStep], UUID]:
    """A step of each of so many sessions."""
    for one in range(number):
        await queue(made, await session_of(made), [f"step {one}"])
    return await claim(made, number)
