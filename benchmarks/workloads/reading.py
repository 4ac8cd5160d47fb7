"""get_session, get_offerset: sixteen clients read what is theirs, as JSON."""

import json
import tempfile
from pathlib import Path
from typing import Final

from benchmarks import brokers, loading
from benchmarks.figures import Cpu, Figure, Limit
from benchmarks.running import Bench

_CLIENTS: Final = 16
_TARGET: Final = 2000
_OK: Final = 200


async def measure_session(bench: Bench) -> list[Figure]:
    return await _measure(bench, "get_session", "sessions")


async def measure_offerset(bench: Bench) -> list[Figure]:
    return await _measure(bench, "get_offerset", "offersets")


async def _measure(bench: Bench, name: str, collection: str) -> list[Figure]:
    count = bench.size(3000, 32)
    with tempfile.TemporaryDirectory(prefix="bench") as directory:
        async with (
            brokers.site(bench, Path(directory) / "site") as site,
            brokers.process("execution_broker.cli", "api", "--config", str(site.file)) as api,
        ):
            asked = loading.post("/requests", site.authorization, brokers.body())
            answer = json.loads((await loading.ask(api.url, 1, 1, asked)).body)
            one = answer if collection == "offersets" else answer["offers"][0]
            request = loading.get(f"/{collection}/{one['meta']['uuid']}", site.authorization)
            await loading.ask(api.url, _CLIENTS, bench.size(200, 16), request)
            database, cpu = bench.server.cpu, api.cpu
            load = await loading.ask(api.url, _CLIENTS, count, request)
            if set(load.statuses) != {_OK}:
                raise RuntimeError(f"200 was expected: {load.statuses}")
            used = Cpu((api.cpu - cpu) / count * 1e6, (bench.server.cpu - database) / count * 1e6)
    async with brokers.process("benchmarks.limits.http", str(len(load.body))) as bare:
        limit = await loading.ask(bare.url, _CLIENTS, count, request)
    return [
        Figure(
            name=name,
            case=f"{_CLIENTS} clients, {len(load.body)} bytes",
            figure=load.rate,
            unit="requests/s",
            cpu=used,
            limit=Limit("a bare HTTP server", limit.rate),
            target=f"≥ {_TARGET}/s",
            met=load.rate >= _TARGET,
        )
    ]
