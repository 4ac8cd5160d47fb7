"""memory: what the API and a worker hold, idle and after many sessions."""

import asyncio
import tempfile
from pathlib import Path
from typing import Final

from benchmarks import brokers, loading
from benchmarks.figures import Figure
from benchmarks.running import Bench
from benchmarks.workloads.session_lifecycle import accept, completed

_MOST: Final = 100
_OFFERS: Final = 4
_CLIENTS: Final = 16


async def measure(bench: Bench) -> list[Figure]:
    """Ten thousand sessions are offered by one API process, and a thousand of them run by one
    worker process."""
    offered = bench.size(10_000, 40)
    ran = bench.size(1000, 5)
    with tempfile.TemporaryDirectory(prefix="bench") as directory:
        async with (
            brokers.site(bench, Path(directory) / "site") as site,
            brokers.process("execution_broker.cli", "api", "--config", str(site.file)) as api,
            brokers.process("execution_broker.cli", "worker", "--config", str(site.file)) as worker,
        ):
            await asyncio.sleep(bench.size(3, 1))
            idle = api.memory, worker.memory
            request = loading.post("/requests", site.authorization, brokers.body())
            answers = offered // _OFFERS
            await loading.ask(api.url, _CLIENTS, answers, request)
            await accept(site, api, ran)
            await completed(site, ran)
            full = api.memory, worker.memory
    after = f"after {offered:,} sessions".replace(",", "\u202f")
    return [
        _row("API, idle", idle[0]),
        _row("worker, idle", idle[1]),
        _row(f"API, {after}", full[0]),
        _row(f"worker, {after}, {ran} of them run", full[1]),
    ]


def _row(case: str, figure: float) -> Figure:
    return Figure(
        name="memory",
        case=case,
        figure=figure,
        unit="MB",
        target=f"≤ {_MOST} MB",
        met=figure <= _MOST,
    )
