"""queue_latency: an idle worker, from storing a step to its beginning.

The first ten steps of a run are not counted: by these connections are opened, and learn the
statements, of ours and of the peer's.
"""

import statistics
from typing import Final

from benchmarks import machine
from benchmarks.figures import Figure, Limit, Peer
from benchmarks.running import Bench, Run, median, run

_PEER: Final = "pgqueuer"


async def measure(bench: Bench) -> list[Figure]:
    ours: list[Run] = []
    theirs: list[Run] = []
    updates: list[Run] = []
    count = bench.size(100, 10)
    for _ in range(bench.rounds):
        for module, runs, is_there in (
            ("benchmarks.ours.latency", ours, True),
            ("benchmarks.peers.pgqueuer_latency", theirs, machine.version(_PEER) is not None),
        ):
            if is_there:
                url = await bench.server.new_broker_database()
                runs.append(await run(bench.server, module, url=url, count=count))
                await bench.server.drop(url)
        url = await bench.server.new_database()
        updates.append(
            await run(bench.server, "benchmarks.limits.updates", url=url, count=count, clients=1)
        )
        await bench.server.drop(url)
    commit = 1000 / median(updates).rate
    return [_row(name, part, ours, theirs, commit) for name, part in (("p50", 50), ("p99", 99))]


def _row(name: str, part: int, ours: list[Run], theirs: list[Run], commit: float) -> Figure:
    """Of all rounds together, as a tail of one round would be a matter of chance."""
    figure = _percentile(ours, part)
    peer = Peer(_PEER, machine.version(_PEER), _percentile(theirs, part) if theirs else None)
    ratio = None if peer.figure is None else figure / peer.figure
    return Figure(
        name="queue_latency",
        case=name,
        figure=figure,
        unit="ms",
        peer=peer,
        ratio=ratio,
        limit=Limit("one commit", commit),
        target="≤ pgqueuer",
        met=None if ratio is None else ratio <= 1,
    )


def _percentile(runs: list[Run], part: int) -> float:
    waited: list[float] = [one for run in runs for one in run.values["waited"]]
    return statistics.quantiles(waited, n=100, method="inclusive")[part - 1] * 1000
