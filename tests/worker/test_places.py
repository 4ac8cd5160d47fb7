"""The places of a pool: never more are carried than there are, whoever asked for them."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from execution_broker.domain.plan import StepKind
from execution_broker.storage.records import LeasedStep
from execution_broker.storage.waking import Woken
from execution_broker.worker.places import Carried, Handing, Onward, Places

NOW = datetime(2030, 1, 1, tzinfo=UTC)


class Pool:
    """Three places for one kind, whose steps go on until they are let go."""

    def __init__(self) -> None:
        self.carried: list[tuple[int, Carried | None]] = []
        self.go = asyncio.Event()
        self.stopping = asyncio.Event()

        async def load(*_: Any) -> None:
            raise AssertionError("nothing is loaded here")

        async def carry(step: LeasedStep, carried: Carried | None) -> None:
            self.carried.append((step.id, carried))
            await self.go.wait()

        onward = Onward(uuid4(), [StepKind.WATCH], timedelta(seconds=30), load)
        self.places = Places(3, onward, carry, self.stopping)


def woken(id_: int, kind: StepKind = StepKind.WATCH) -> Woken:
    return Woken(id_, 1, kind, NOW)


def step(id_: int) -> LeasedStep:
    return LeasedStep(
        id=id_,
        uuid=uuid4(),
        session=1,
        platform=1,
        kind=StepKind.WATCH,
        key=f"step-{id_}",
        component=None,
        attempt=1,
        failures=0,
        lapses=0,
        delays=0,
        payload={},
        due=NOW,
    )


async def test_only_free_places_are_handed_steps_and_those_of_their_kinds() -> None:
    pool = Pool()
    assert pool.places.keep(1) == 1
    handing = Handing([pool.places])
    chosen = handing.choose([woken(1, StepKind.START), woken(2), woken(3), woken(4)])
    assert set(chosen) == {2, 3}
    assert pool.places.keep() == 0
    handing.take(chosen[2], Carried(step(2), "loaded"))
    handing.begin()
    await asyncio.sleep(0)
    assert [(id_, carried and carried.loaded) for id_, carried in pool.carried] == [(2, "loaded")]
    assert pool.places.keep() == 1, "what was not leased after all is free again"
    pool.go.set()
    await asyncio.wait(pool.places.active)


async def test_a_transaction_that_is_undone_keeps_no_place() -> None:
    pool = Pool()
    handing = Handing([pool.places])
    for _ in range(2):
        handing.give_up()
        chosen = handing.choose([woken(1), woken(2)])
        handing.take(chosen[1], Carried(step(1), None))
    handing.give_up()
    handing.begin()
    assert not pool.places.active
    assert pool.places.keep() == 3


async def test_who_waits_for_a_free_place_gets_it_or_is_told_to_stop() -> None:
    pool = Pool()
    for number in range(pool.places.keep()):
        pool.places.begin(step(number))
    waiting = asyncio.create_task(pool.places.until_free())
    await asyncio.sleep(0)
    assert not waiting.done()
    pool.go.set()
    async with asyncio.timeout(30):
        await waiting
    pool.stopping.set()
    assert pool.places.keep() == 0
    async with asyncio.timeout(30):
        await pool.places.until_free()


async def test_a_third_of_the_places_is_not_to_spare() -> None:
    pool = Pool()
    assert pool.places.spare == 2
    assert pool.places.keep(2) == 2
    assert (pool.places.free, pool.places.spare) == (1, 0)
    waiting = asyncio.create_task(pool.places.until_spare())
    await asyncio.sleep(0)
    assert not waiting.done()
    pool.places.give_up(1)
    async with asyncio.timeout(30):
        await waiting


async def test_who_waits_no_longer_for_a_place_leaves_nothing_behind() -> None:
    pool = Pool()
    pool.places.keep()
    before = asyncio.all_tasks()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await pool.places.until_spare()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
