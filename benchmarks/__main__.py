"""`python -m benchmarks [NAME ...] [--quick]`: measures, prints, writes build/bench.json.

A whole run, of every workload at full size, also writes the table in docs/benchmarks.md.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from benchmarks import figures, machine
from benchmarks.figures import Figure
from benchmarks.running import ROOT, Bench, Workload
from benchmarks.server import postgres_server
from benchmarks.workloads import (
    accept_contended,
    memory,
    offers_find,
    post_request,
    queue_crash,
    queue_drain,
    queue_graph,
    queue_latency,
    reading,
    ready_sessions,
    session_lifecycle,
)

WORKLOADS: Final[Mapping[str, Workload]] = {
    "queue_drain": queue_drain.measure,
    "queue_graph": queue_graph.measure,
    "queue_latency": queue_latency.measure,
    "queue_crash": queue_crash.measure,
    "offers_find": offers_find.measure,
    "post_request": post_request.measure,
    "get_session": reading.measure_session,
    "get_offerset": reading.measure_offerset,
    "accept_contended": accept_contended.measure,
    "session_lifecycle": session_lifecycle.measure,
    "ready_sessions": ready_sessions.measure,
    "memory": memory.measure,
}
_PEERS: Final = ("pgqueuer", "procrastinate", "dbos")
_BEGIN: Final = "<!-- measured: begin -->"
_END: Final = "<!-- measured: end -->"


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(WORKLOADS))
    parser.add_argument("--quick", action="store_true", help="show only that they work")
    parser.add_argument("--rounds", type=int, default=3, help="of which the median is taken")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "bench.json")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "benchmarks.md")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(WORKLOADS)
    if unknown:
        parser.error(f"no such workload: {', '.join(sorted(unknown))}")
    names = arguments.names or list(WORKLOADS)
    rounds = 1 if arguments.quick else max(1, arguments.rounds)
    stolen, total = machine.stolen()
    with postgres_server() as server:
        rows, about = asyncio.run(_measure(Bench(server, arguments.quick, rounds), names))
    share = (machine.stolen()[0] - stolen) / (machine.stolen()[1] - total)
    about += f" Of the machine's time {share:.0%} was stolen by others."
    sys.stdout.write(about + "\n")
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_bytes(msgspec.json.format(msgspec.json.encode(rows)) + b"\n")
    if set(names) == set(WORKLOADS) and not arguments.quick:
        _write_page(arguments.page, rows, about)
    return 0


async def _measure(bench: Bench, names: list[str]) -> tuple[list[Figure], str]:
    rows: list[Figure] = []
    about = (
        f"{machine.describe()}; PostgreSQL {await bench.server.version()}, fsync on; {_versions()}."
    )
    for name in names:
        start = time.monotonic()
        for row in await WORKLOADS[name](bench):
            rows.append(row)
            sys.stdout.write(figures.line(row) + "\n")
        sys.stdout.write(f"{name}: {time.monotonic() - start:.0f} s\n")
        sys.stdout.flush()
    return rows, about


def _versions() -> str:
    """Of the peers, and which of them are absent."""
    found = {peer: machine.version(peer) for peer in _PEERS}
    there = [f"{peer} {version}" for peer, version in found.items() if version]
    absent = [peer for peer, version in found.items() if not version]
    if absent:
        there.append(f"skipped as not installed: {', '.join(absent)}")
    return ", ".join(there)


def _write_page(page: Path, rows: list[Figure], about: str) -> None:
    """Put the table between its marks; what is written around it stays."""
    text = page.read_text("utf-8")
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    day = datetime.now(UTC).date().isoformat()
    table = f"\n\nMeasured on {day}: {about}\n\n{figures.table(rows)}\n"
    page.write_text(before + _BEGIN + table + _END + after, "utf-8")


if __name__ == "__main__":
    sys.exit(main())
