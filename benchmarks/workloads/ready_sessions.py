"""ready_sessions: from the first accept to the last end, where all is ready long before the start
that was planned."""

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Final, NamedTuple

import asyncpg

from benchmarks import brokers
from benchmarks.brokers import Process, Site
from benchmarks.figures import Figure, Limit
from benchmarks.running import Bench, median, run
from benchmarks.workloads.session_lifecycle import accept_one, ended, offered

_PROMISED: Final = 300
"""Seconds that preparing is said to take. It takes none."""
_RUN: Final = 5
"""Seconds for which each session runs."""
_TARGET: Final = 7
_CLIENTS: Final = 8
_STEPS: Final = "SELECT count(*) FROM step WHERE session_id IS NOT NULL"
_COMPLETED: Final = "SELECT count(*) FROM session WHERE phase = 'COMPLETED'"


class Round(NamedTuple):
    """`least`: the seconds that it takes where nothing but running and the disk is waited for."""

    seconds: float
    least: float

    @property
    def rate(self) -> float:
        return 1 / self.seconds


async def measure(bench: Bench) -> list[Figure]:
    """One API and one worker process, as their defaults are, on an empty platform."""
    count = bench.size(100, 5)
    done = median([await _round(bench, count) for _ in range(bench.rounds)])
    return [
        Figure(
            name="ready_sessions",
            case=f"{count} sessions of {_RUN} s, planned to start in {_PROMISED} s",
            figure=done.seconds,
            unit="s until all have ended",
            limit=Limit(f"{_RUN} s + steps ÷ 1-row updates/s by 4", done.least),
            target=f"≤ {_TARGET} s",
            met=done.seconds <= _TARGET,
        )
    ]


async def _round(bench: Bench, count: int) -> Round:
    with tempfile.TemporaryDirectory(prefix="bench") as directory:
        async with brokers.site(bench, Path(directory) / "site", promised=_PROMISED) as site:
            updates = await run(
                bench.server,
                "benchmarks.limits.updates",
                url=site.url,
                count=bench.size(400, 20),
                clients=4,
            )
            configured = ("--config", str(site.file))
            async with (
                brokers.process("execution_broker.cli", "worker", *configured),
                brokers.process("execution_broker.cli", "api", *configured) as api,
            ):
                seconds = await _lived(site, api, count)
            steps = int((await site.rows(_STEPS))[0][0])
            completed = int((await site.rows(_COMPLETED))[0][0])
            if completed != count:
                raise RuntimeError(f"{completed} of {count} sessions were completed")
    return Round(seconds, _RUN + steps / updates.rate)


async def _lived(site: Site, api: Process, count: int) -> float:
    """Seconds from the first accept until all have ended and are released."""
    uuids = [await offered(site, api, run=str(_RUN)) for _ in range(count)]
    connection = await asyncpg.connect(site.url)

    async def client() -> None:
        while uuids:
            await accept_one(site, api, uuids.pop())

    start = time.monotonic()
    await asyncio.gather(*(client() for _ in range(_CLIENTS)))
    await ended(connection)
    seconds = time.monotonic() - start
    await connection.close()
    return seconds
