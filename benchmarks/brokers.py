"""Real `broker api` and `broker worker` processes over the run's PostgreSQL."""

import asyncio
import base64
import json
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import asyncpg

from benchmarks import machine
from benchmarks.running import ROOT, Bench
from execution_broker.models import kinds

_LISTENING: Final = re.compile(r"(?:listening on (http://\S+)|working for)")
_SIZE: Final = 3 * 1024
_KEY: Final = base64.b64encode(bytes(32)).decode()


class Site:
    """A broker's configuration, database and data directory; `platforms` simulated ones, which say
    that preparing an executable takes `promised` seconds."""

    def __init__(self, directory: Path, url: str, platforms: int, promised: int) -> None:
        directory.mkdir(parents=True)
        self.directory = directory
        self.url = url
        self.platforms = [f"place-{number}" for number in range(platforms)]
        self.file = directory / "broker.toml"
        self.file.write_text(_configuration(directory, url, self.platforms, promised))

    @property
    def authorization(self) -> str:
        """That of the administrator, made at the API's first start."""
        password = (self.directory / "admin-password").read_text().strip()
        return "Basic " + base64.b64encode(f"admin:{password}".encode()).decode()

    async def rows(self, sql: str, *values: Any) -> list[Any]:
        connection = await asyncpg.connect(self.url)
        try:
            return list(await connection.fetch(sql, *values))
        finally:
            await connection.close()

    async def reported(self) -> None:
        """Let a worker run until every platform has reported."""
        async with process("execution_broker.cli", "worker", "--config", str(self.file)):
            while await self.rows("SELECT 1 FROM platform WHERE reported_at IS NULL"):
                await asyncio.sleep(0.05)


class Process:
    """A running program of ours."""

    def __init__(self, pid: int, url: str) -> None:
        self.pid = pid
        self.url = url

    @property
    def cpu(self) -> float:
        return machine.tree_cpu(self.pid)

    @property
    def memory(self) -> float:
        """Resident, in MB."""
        return machine.resident(self.pid)


@asynccontextmanager
async def site(
    bench: Bench, directory: Path, platforms: int = 1, promised: int = 0
) -> AsyncIterator[Site]:
    """A broker with a database of its own, whose platforms have reported."""
    url = await bench.server.new_broker_database()
    made = Site(directory, url, platforms, promised)
    await made.reported()
    try:
        yield made
    finally:
        await bench.server.drop(url)


@asynccontextmanager
async def process(module: str, *arguments: str) -> AsyncIterator[Process]:
    """A program that says on stderr where it listens, or that it works. Ended by SIGTERM."""
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, stderr=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert program.stderr is not None
    draining: asyncio.Task[bytes] | None = None
    try:
        async with asyncio.timeout(60):
            found = None
            while found is None:
                line = (await program.stderr.readline()).decode()
                if not line:
                    raise RuntimeError(f"{module} {arguments[0]} ended before it was ready")
                found = _LISTENING.search(line)
        draining = asyncio.create_task(program.stderr.read())
        yield Process(program.pid, found[1] or "")
    finally:
        if program.returncode is None:
            program.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(program.wait(), 30)
            except TimeoutError:
                program.kill()
                await program.wait()
        if draining is not None:
            await draining


def body(duration: str = "PT10M", run: str | None = None, window: str | None = None) -> bytes:
    """A request of 3 KiB: a container with environment, compute, storage, and data."""
    environment = {} if run is None else {"SIMULATED_RUN": run}
    request: dict[str, Any] = {
        "executable": {
            "kind": kinds.DOCKER_CONTAINER,
            "image": {"locations": ["simulated://registry/image:1"]},
            "environment": environment,
        },
        "compute": {
            "kind": kinds.SIMPLE_COMPUTE,
            "cores": {"min": 1, "max": 2},
            "memory": {"min": 1, "max": 4},
        },
        "storage": [{"kind": kinds.SIMPLE_STORAGE, "meta": {"name": "room"}, "size": {"min": 2}}],
        "data": [
            {
                "kind": kinds.SIMPLE_DATA,
                "meta": {"name": f"table-{number}"},
                "location": f"simulated://archive/table-{number}.fits",
                "checks": {"size": 1000, "sha256": f"{number:064x}"},
                "storage": "room",
            }
            for number in range(2)
        ],
        "schedule": {"requested": {"duration": duration}},
    }
    if window is not None:
        request["schedule"]["requested"]["start"] = window
    missing = _SIZE - len(json.dumps(request)) - len('"PADDING": ""')
    if run is None and missing > 0:
        environment["PADDING"] = "x" * missing
    return json.dumps(request).encode()


def epoch() -> int:
    return int(datetime.now(UTC).timestamp())


def _configuration(directory: Path, url: str, platforms: list[str], promised: int) -> str:
    lines = [
        f'data_directory = "{directory}"',
        "[http]",
        'listen = "127.0.0.1:0"',
        "[database]",
        f'url = "{url}"',
        "[sealing]",
        f'keys = "bench:{_KEY}"',
        "[negotiation]",
        "requests_per_minute = 1000000000",
        "[upkeep]",
        "report = 1200",
        "[log]",
        'level = "ERROR"',
        "[data_kinds]",
        "[transfers]",
    ]
    for name in platforms:
        lines += [
            f"[platforms.{name}]",
            'plugin = "simulated"',
            'takes = "everything"',
            f"[platforms.{name}.capacity]",
            "cores = 1000000000",
            "memory = 1000000000",
            "storage = 1000000000",
            "outputs = 1000000000",
            f"[platforms.{name}.timings]",
            "storage = 0",
            "executable_here = 0",
            f"executable_not_here = {promised}",
            "compute = 0",
            "release = 0",
        ]
    return "\n".join(lines) + "\n"
