"""memory: what the API and a worker hold, idle and after many sessions."""

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Final

from benchmarks import brokers
from benchmarks.brokers import Process, Site
from benchmarks.figures import Figure
from benchmarks.running import Bench
from benchmarks.workloads.session_lifecycle import accept

_MOST: Final = 100
_LONGEST: Final = 150
"""Seconds for which the worker is waited for, once all sessions are accepted."""

_ENDED: Final = "SELECT count(*) FROM session WHERE phase = 'COMPLETED'"


async def measure(bench: Bench) -> list[Figure]:
    """Ten thousand requests are answered by one API process and an offer of each is accepted, while
    one worker process carries the sessions: all of them, or as many as it can in the time."""
    count = bench.size(10_000, 20)
    with tempfile.TemporaryDirectory(prefix="bench") as directory:
        async with (
            brokers.site(bench, Path(directory) / "site") as site,
            brokers.process("execution_broker.cli", "api", "--config", str(site.file)) as api,
            brokers.process("execution_broker.cli", "worker", "--config", str(site.file)) as worker,
        ):
            await asyncio.sleep(bench.size(3, 1))
            idle = _held(api, worker)
            await accept(site, api, count // 5)
            early = _held(api, worker)
            await accept(site, api, count - count // 5)
            carried = await _carried(site, count)
            full = _held(api, worker)
    before, after = _number(count // 5), _number(count)
    return [
        _row("API, idle", idle[0], "before the first request"),
        _row("worker, idle", idle[1], "before the first session"),
        _row(
            f"API, after {after} sessions",
            full[0],
            f"posted and accepted; after {before}: {early[0]:.1f} MB",
        ),
        _row(
            f"worker, after {after} sessions",
            full[1],
            f"{_number(carried)} COMPLETED by it; when {before} were accepted: {early[1]:.1f} MB",
        ),
    ]


def _held(api: Process, worker: Process) -> tuple[float, float]:
    return api.memory, worker.memory


async def _carried(site: Site, count: int) -> int:
    """How many were COMPLETED when all were, or when that took too long."""
    deadline = time.monotonic() + _LONGEST
    while True:
        carried = int((await site.rows(_ENDED))[0][0])
        if carried == count or time.monotonic() > deadline:
            return carried
        await asyncio.sleep(0.5)


def _number(count: int) -> str:
    return f"{count:,}".replace(",", "\u202f")


def _row(case: str, figure: float, note: str) -> Figure:
    return Figure(
        name="memory",
        case=case,
        figure=figure,
        unit="MB",
        target=f"≤ {_MOST} MB",
        met=figure <= _MOST,
        note=note,
    )
