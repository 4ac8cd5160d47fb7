"""accept_contended: eight callers of the service accept on one nearly full platform."""

import tempfile
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks import brokers
from benchmarks.figures import Figure, Limit
from benchmarks.running import Bench, Run, median, run

_TARGET: Final = 500


async def measure(bench: Bench) -> list[Figure]:
    count = bench.size(800, 16)
    runs = [await _round(bench, count) for _ in range(bench.rounds)]
    done = median([one.accepted for one in runs])
    overbooked = sum(int(one.accepted.values["findings"]) for one in runs)
    return [
        Figure(
            name="accept_contended",
            case="8 callers, 1 platform",
            figure=done.rate,
            unit="accepts/s",
            cpu=done.per_operation,
            limit=Limit("1-row updates/s by 8", median([one.updates for one in runs]).rate),
            target=f"≥ {_TARGET}/s, 0 overbooked",
            met=done.rate >= _TARGET and not overbooked,
            note=f"{overbooked} findings of the audit",
        )
    ]


class Round(NamedTuple):
    updates: Run
    accepted: Run


async def _round(bench: Bench, count: int) -> Round:
    """On a platform of its own, as each fills one."""
    with tempfile.TemporaryDirectory(prefix="bench") as directory:
        async with brokers.site(bench, Path(directory) / "site") as site:
            return Round(
                await run(
                    bench.server, "benchmarks.limits.updates", url=site.url, count=count, clients=8
                ),
                await run(
                    bench.server, "benchmarks.ours.accepting", file=str(site.file), count=count
                ),
            )
