"""queue_graph: plans of 24 steps that wait for each other, on 2 and 4 processes.

Beside a flat queue of as many steps, drained by as many processes in the same round.
"""

from typing import Final

import asyncpg

from benchmarks.figures import Figure, Limit
from benchmarks.ours import noop
from benchmarks.running import Bench, Run, median, median_ratio, run_together

_WIDTH: Final = 6
_LAYERS: Final = 4
_BATCH: Final = 10
_TARGET: Final = 0.8

PLAN: Final = [
    (
        f"{layer}-{place}",
        [f"{layer - 1}-{before}" for before in range(_WIDTH)] if layer else [],
    )
    for layer in range(_LAYERS)
    for place in range(_WIDTH)
]
"""Four layers of six: every step needs all of the layer before it, as wide plans have it."""
FLAT: Final = [(key, list[str]()) for key, _ in PLAN]


async def measure(bench: Bench) -> list[Figure]:
    rows: list[Figure] = []
    for processes in (2, 4):
        graphs: list[Run] = []
        flats: list[Run] = []
        deadlocks = unfinished = 0
        for _ in range(bench.rounds):
            graph = await _run(bench, processes, PLAN)
            graphs.append(graph)
            flats.append(await _run(bench, processes, FLAT))
            deadlocks += graph.values["deadlocks"]
            unfinished += graph.values["unfinished"]
        ratio = median_ratio(graphs, flats)
        one = median(graphs)
        rows.append(
            Figure(
                name="queue_graph",
                case=f"24 steps, {processes} processes",
                figure=one.rate,
                unit="steps/s",
                cpu=one.per_operation,
                ratio=ratio,
                limit=Limit("the same steps without edges", median(flats).rate),
                target=f"≥ {_TARGET} x drain, 0 unresolved deadlocks",
                met=ratio >= _TARGET and not unfinished,
                note=f"{deadlocks} deadlocks, all resolved" if not unfinished else "unresolved",
            )
        )
    return rows


async def _run(bench: Bench, processes: int, plan: list[tuple[str, list[str]]]) -> Run:
    url = await bench.server.new_broker_database()
    sessions = bench.size(100, 3)
    platform = await noop.filled(url, sessions, plan)
    count = sessions * len(plan)
    whole = await run_together(
        bench.server,
        "benchmarks.ours.worker",
        processes,
        url=url,
        platform=platform,
        batch=_BATCH,
        count=count,
    )
    connection = await asyncpg.connect(url)
    unfinished = await connection.fetchval("SELECT count(*) FROM step WHERE phase <> 'COMPLETED'")
    deadlocks = await connection.fetchval(
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    )
    await connection.close()
    await bench.server.drop(url)
    return whole._replace(values={"unfinished": int(unfinished), "deadlocks": int(deadlocks)})
