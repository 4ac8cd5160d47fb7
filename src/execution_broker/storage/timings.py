"""How long things took on each platform: a bounded history."""

from execution_broker.domain.timing import KEPT, Lesson
from execution_broker.storage.database import Connection


async def add(connection: Connection, platform: int, lesson: Lesson, value: float) -> None:
    """Remember one more. It waits for nobody: rows are only appended."""
    await connection.execute("add_timing", platform=platform, name=lesson, value=value)


async def recent(connection: Connection, platform: int) -> dict[Lesson, list[float]]:
    """The newest of each lesson, oldest first. What is older is deleted."""
    await connection.execute("forget_timings", platform=platform, kept=KEPT)
    found: dict[Lesson, list[float]] = {}
    for row in await connection.rows("timings", platform=platform):
        found.setdefault(Lesson(row["name"]), []).append(row["value"])
    return found
