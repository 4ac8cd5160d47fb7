"""accept_contended: eight callers of the service accept on one nearly full platform."""

import tempfile
from pathlib import Path
from typing import Final

from benchmarks import brokers
from benchmarks.figures import Figure, Limit
from benchmarks.running import Bench, run

_TARGET: Final = 500


async def measure(bench: Bench) -> list[Figure]:
    count = bench.size(800, 16)
    with tempfile.TemporaryDirectory(prefix="bench") as directory:
        async with brokers.site(bench, Path(directory) / "site") as site:
            updates = await run(
                bench.server, "benchmarks.limits.updates", url=site.url, count=count, clients=8
            )
            done = await run(
                bench.server, "benchmarks.ours.accepting", file=str(site.file), count=count
            )
    overbooked = int(done.values["findings"])
    return [
        Figure(
            name="accept_contended",
            case="8 callers, 1 platform",
            figure=done.rate,
            unit="accepts/s",
            cpu=done.per_operation,
            limit=Limit("1-row updates/s by 8", updates.rate),
            target=f"≥ {_TARGET}/s, 0 overbooked",
            met=done.rate >= _TARGET and not overbooked,
            note=f"{overbooked} findings of the audit",
        )
    ]
