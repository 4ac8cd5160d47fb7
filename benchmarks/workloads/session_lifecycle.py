"""session_lifecycle: sessions on a simulated platform without delays, from request to release."""

import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import Final, NamedTuple

import asyncpg

from benchmarks import brokers, loading
from benchmarks.brokers import Process, Site
from benchmarks.figures import Cpu, Figure, Limit
from benchmarks.running import Bench, median, run

_TARGET: Final = 100
_CLIENTS: Final = 8
_OK: Final = 200
_ACCEPTED: Final = json.dumps(
    {"kind": "uri:enum-value-update", "path": "phase", "value": "ACCEPTED"}
).encode()
_RELEASED: Final = "SELECT count(*) FROM session WHERE phase = 'COMPLETED'"
_LEFT: Final = (
    "SELECT 1 FROM session WHERE phase = ANY("
    "'{ACCEPTED,WAITING,PREPARING,AVAILABLE,RUNNING,RELEASING}') LIMIT 1"
)
_STEPS: Final = "SELECT count(*) FROM step WHERE session_id IS NOT NULL"


class Round(NamedTuple):
    """Rates in a second, CPU of a session; how many steps one has."""

    rate: float
    cpu: Cpu
    updates: float
    steps: int


async def measure(bench: Bench) -> list[Figure]:
    """One worker process, as its defaults are."""
    count = bench.size(1000, 10)
    done = median([await _round(bench, count) for _ in range(bench.rounds)])
    return [
        Figure(
            name="session_lifecycle",
            case=f"{count} sessions of {done.steps} steps, 1 worker",
            figure=done.rate,
            unit="sessions/s",
            cpu=done.cpu,
            limit=Limit("1-row updates/s by 4 ÷ steps", done.updates / done.steps),
            target=f"≥ {_TARGET}/s",
            met=done.rate >= _TARGET,
            note=f"{done.rate * done.steps:.0f} steps/s",
        )
    ]


async def _round(bench: Bench, count: int) -> Round:
    """The sessions are accepted first; the time is the worker's, from when it says that it works
    to the last release."""
    with tempfile.TemporaryDirectory(prefix="bench") as directory:
        async with brokers.site(bench, Path(directory) / "site") as site:
            async with brokers.process(
                "execution_broker.cli", "api", "--config", str(site.file)
            ) as api:
                await accept(site, api, count)
            updates = await run(
                bench.server,
                "benchmarks.limits.updates",
                url=site.url,
                count=bench.size(400, 20),
                clients=4,
            )
            connection = await asyncpg.connect(site.url)
            async with brokers.process(
                "execution_broker.cli", "worker", "--config", str(site.file)
            ) as worker:
                database, used, start = bench.server.cpu, worker.cpu, time.monotonic()
                await ended(connection)
                seconds = time.monotonic() - start
                used = (worker.cpu - used) / count * 1e6
                database = (bench.server.cpu - database) / count * 1e6
            await connection.close()
            steps = int((await site.rows(_STEPS))[0][0])
            released = int((await site.rows(_RELEASED))[0][0])
            if released != count:
                raise RuntimeError(f"{released} of {count} sessions were completed")
    return Round(count / seconds, Cpu(used, database), updates.rate, steps // count)


async def accept(site: Site, api: Process, count: int) -> None:
    """Ask for so many sessions, and accept the first offer of each answer."""
    numbers = iter(range(count))

    async def client() -> None:
        for _ in numbers:
            await accept_one(site, api, await offered(site, api))

    await asyncio.gather(*(client() for _ in range(_CLIENTS)))


async def offered(site: Site, api: Process, run: str = "0") -> str:
    """Ask for a session that runs for so many seconds: the first offer of the answer."""
    request = loading.post("/requests", site.authorization, brokers.body(run=run))
    answer = await loading.ask(api.url, 1, 1, request)
    uuid: str = json.loads(answer.body)["offers"][0]["meta"]["uuid"]
    return uuid


async def accept_one(site: Site, api: Process, uuid: str) -> None:
    accepting = loading.post(f"/sessions/{uuid}", site.authorization, _ACCEPTED)
    done = await loading.ask(api.url, 1, 1, accepting)
    if set(done.statuses) != {_OK}:
        raise RuntimeError(f"an offer was not accepted: {done.body!r}")


async def ended(connection: asyncpg.Connection, seconds: float = 200) -> None:
    """Wait until no session is left that an end is before."""
    async with asyncio.timeout(seconds):
        while await connection.fetchval(_LEFT):
            await asyncio.sleep(0.02)
