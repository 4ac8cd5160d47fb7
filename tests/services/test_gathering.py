"""Who asks at the same time is answered together, and nobody suffers from another."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from execution_broker.domain.errors import Unavailable
from execution_broker.services.reading.gathering import Gathering


class Asked:
    """Answers with what is committed at that time, once it is let go."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.committed = 0
        self.fault: Unavailable | None = None
        self.go = asyncio.Event()
        self.go.set()
        self.begun = asyncio.Event()

    async def read(self, keys: Sequence[str]) -> Mapping[str, int]:
        self.batches.append(list(keys))
        self.begun.set()
        committed, fault = self.committed, self.fault
        await self.go.wait()
        if fault is not None:
            raise fault
        return {key: committed for key in keys if key != "nothing"}


async def test_those_who_come_meanwhile_are_answered_by_the_next_read() -> None:
    asked = Asked()
    gathering = Gathering(asked.read, most=100)
    asked.go.clear()
    first = asyncio.create_task(gathering.ask("a"))
    await asked.begun.wait()
    asked.committed = 1
    later = [asyncio.create_task(gathering.ask(key)) for key in ("a", "b", "b", "nothing")]
    await asyncio.sleep(0)
    asked.go.set()
    assert await asyncio.gather(first, *later) == [0, 1, 1, 1, None]
    assert asked.batches == [["a"], ["a", "b", "nothing"]]


async def test_a_read_is_no_larger_than_it_may_be() -> None:
    asked = Asked()
    gathering = Gathering(asked.read, most=3)
    assert await asyncio.gather(*(gathering.ask(str(n)) for n in range(8))) == [0] * 8
    assert [len(batch) for batch in asked.batches] == [3, 3, 2]


async def test_a_fault_reaches_all_who_asked_and_nobody_after_them() -> None:
    asked = Asked()
    gathering = Gathering(asked.read, most=100)
    asked.fault = Unavailable("The database is away.", "Try again.")
    found = await asyncio.gather(
        *(gathering.ask(key) for key in ("a", "a", "b")), return_exceptions=True
    )
    assert [type(one) for one in found] == [Unavailable] * 3
    asked.fault = None
    assert await gathering.ask("a") == 0


async def test_who_goes_away_harms_nobody() -> None:
    asked = Asked()
    gathering = Gathering(asked.read, most=100)
    asked.go.clear()
    first, second = (asyncio.create_task(gathering.ask("a")) for _ in range(2))
    await asked.begun.wait()
    waiting = asyncio.create_task(gathering.ask("b"))
    await asyncio.sleep(0)
    for gone in (first, waiting):
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
    asked.go.set()
    assert await second == 0
    assert await gathering.ask("c") == 0


def test_it_can_be_used_again_after_its_loop_is_gone() -> None:
    asked = Asked()
    gathering = Gathering(asked.read, most=100)

    async def ask_and_leave() -> None:
        asked.go, asked.begun = asyncio.Event(), asyncio.Event()
        left = asyncio.create_task(gathering.ask("a"))
        await asked.begun.wait()
        left.cancel()

    asyncio.run(ask_and_leave())
    asked.go.set()
    assert asyncio.run(gathering.ask("a")) == 0
