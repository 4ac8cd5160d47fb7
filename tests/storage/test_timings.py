"""How long things took is remembered for each platform, and not for ever."""

import asyncio
from typing import Any

from execution_broker.domain.timing import KEPT, Lesson
from execution_broker.storage import timings


async def add(database: Any, platform: int, lesson: Lesson, *values: float) -> None:
    for value in values:
        await database.write(lambda c, value=value: timings.add(c, platform, lesson, value))


async def test_samples_are_kept_apart_by_platform_and_lesson(database: Any) -> None:
    await add(database, 1, Lesson.COMPUTE, 1.5, 0.25)
    await add(database, 1, Lesson.THROUGHPUT, 2e7)
    await add(database, 2, Lesson.COMPUTE, 9)
    found = await database.write(lambda c: timings.recent(c, 1))
    assert found == {Lesson.COMPUTE: [1.5, 0.25], Lesson.THROUGHPUT: [2e7]}
    assert await database.write(lambda c: timings.recent(c, 3)) == {}


async def test_only_the_newest_are_remembered(database: Any) -> None:
    await add(database, 1, Lesson.STORAGE, 7)
    await add(database, 2, Lesson.COMPUTE, 7)
    await add(database, 1, Lesson.COMPUTE, *range(KEPT + 10))
    found = await database.write(lambda c: timings.recent(c, 1))
    assert found == {
        Lesson.STORAGE: [7],
        Lesson.COMPUTE: [float(value) for value in range(10, KEPT + 10)],
    }
    assert await database.write(lambda c: timings.recent(c, 2)) == {Lesson.COMPUTE: [7]}


async def test_many_who_teach_at_once_lose_nothing(database: Any) -> None:
    await asyncio.gather(*(add(database, 1, Lesson.RELEASE, value) for value in range(20)))
    found = await database.write(lambda c: timings.recent(c, 1))
    assert sorted(found[Lesson.RELEASE]) == list(range(20))
