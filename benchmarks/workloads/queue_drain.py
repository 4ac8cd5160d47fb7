"""queue_drain: no-op steps, one worker, by the size of its batches, beside three peers."""

from typing import Any, Final

from benchmarks import machine
from benchmarks.figures import Figure, Limit, Peer
from benchmarks.ours import noop
from benchmarks.running import Bench, Run, median, median_ratio, run

_OURS: Final = {1: 600, 10: 3000, 100: 10_000}
_SLOW_PEERS: Final = {1: 400, 10: 600, 100: 800}
_PEERS: Final = ("pgqueuer", "procrastinate", "dbos")
_TARGETS: Final = {
    "without events": {"pgqueuer": 2.0, "procrastinate": 5.0, "dbos": 5.0},
    "with events": {"pgqueuer": 1.0, "procrastinate": 3.0, "dbos": 3.0},
}
_OF_LIMIT: Final = 0.4


async def measure(bench: Bench) -> list[Figure]:
    rows: list[Figure] = []
    for batch in _OURS:
        rows += await _measure(bench, batch)
    return rows


async def _measure(bench: Bench, batch: int) -> list[Figure]:
    """Rounds of everything, one after the other, so that all meet the same machine."""
    ours: dict[str, list[Run]] = {"without events": [], "with events": []}
    theirs: dict[str, list[Run]] = {peer: [] for peer in _PEERS if machine.version(peer)}
    updates: list[Run] = []
    for _ in range(bench.rounds):
        count = bench.size(600, 20)
        updates.append(await _fresh(bench, "benchmarks.limits.updates", count=count, clients=1))
        for case, runs in ours.items():
            count = bench.size(_OURS[batch], 30)
            runs.append(await _drain(bench, batch, count, with_events=case == "with events"))
        for peer, runs in theirs.items():
            most = _OURS if peer == "pgqueuer" else _SLOW_PEERS
            count = bench.size(most[batch], 30)
            module = f"benchmarks.peers.{peer}"
            runs.append(await _fresh(bench, module, count=count, batch=batch))
    tps = median(updates).rate
    limit = Limit(f"{batch} x 1-row updates/s ÷ 2", tps / 2 * batch)
    rows: list[Figure] = []
    for case, runs in ours.items():
        rows += [_beside(case, batch, runs, peer, theirs.get(peer), limit) for peer in _PEERS]
    if batch == 1:
        share = median_ratio(ours["without events"], updates) * 2
        rows.append(
            Figure(
                name="queue_drain 1",
                case="without events, of the limit",
                figure=share,
                unit="of limit",
                limit=Limit("1-row updates/s ÷ 2", tps / 2),
                target=f"≥ {_OF_LIMIT}",
                met=share >= _OF_LIMIT,
            )
        )
    return rows


def _beside(
    case: str, batch: int, ours: list[Run], peer: str, theirs: list[Run] | None, limit: Limit
) -> Figure:
    one = median(ours)
    target = _TARGETS[case][peer]
    known = Peer(peer, machine.version(peer))
    ratio = None
    if theirs is not None:
        ratio = median_ratio(ours, theirs)
        other = median(theirs)
        known = Peer(peer, machine.version(peer), other.rate, other.per_operation)
    return Figure(
        name=f"queue_drain {batch}",
        case=case,
        figure=one.rate,
        unit="steps/s",
        cpu=one.per_operation,
        peer=known,
        ratio=ratio,
        limit=limit,
        target=f"≥ {target:g} x {peer}",
        met=None if ratio is None else ratio >= target,
    )


async def _drain(bench: Bench, batch: int, count: int, *, with_events: bool) -> Run:
    url = await bench.server.new_broker_database()
    try:
        platform = await noop.filled(url, count, [("noop", ())] if with_events else None)
        return await run(
            bench.server,
            "benchmarks.ours.worker",
            url=url,
            platform=platform,
            batch=batch,
            count=count,
        )
    finally:
        await bench.server.drop(url)


async def _fresh(bench: Bench, module: str, **arguments: Any) -> Run:
    url = await bench.server.new_database()
    try:
        return await run(bench.server, module, url=url, **arguments)
    finally:
        await bench.server.drop(url)
