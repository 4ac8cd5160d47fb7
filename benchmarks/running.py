"""Runs a workload's programs: each in a process of its own, started, made ready, then measured.

A program is `python -m MODULE '<arguments as JSON>'`. It prepares, writes the line `ready`, waits
for a line, works, and writes its result as one line of JSON.
"""

import asyncio
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from benchmarks.figures import Cpu, Figure
from benchmarks.server import Server

ROOT: Final = Path(__file__).parents[1]
_PATIENCE: Final = 240
"""Seconds for becoming ready, and as many again for the work."""
_WRITES_NOTHING: Final = "PYTHONDONTWRITEBYTECODE"
_COMPILED: Final = tempfile.TemporaryDirectory(prefix="bench-compiled")


class Run(NamedTuple):
    """One program's result. CPU in seconds; `values` is what it wrote beside them."""

    operations: int
    seconds: float
    cpu: float
    database_cpu: float
    values: dict[str, Any]

    @property
    def rate(self) -> float:
        return self.operations / self.seconds

    @property
    def per_operation(self) -> Cpu:
        return Cpu(self.cpu / self.operations * 1e6, self.database_cpu / self.operations * 1e6)


class Bench(NamedTuple):
    """What a workload is given. `quick` asks for a short run that shows only that it works."""

    server: Server
    quick: bool
    rounds: int = 3

    def size(self, full: int, quick: int) -> int:
        return quick if self.quick else full


Workload = Callable[[Bench], Awaitable[list[Figure]]]


async def run(server: Server, module: str, **arguments: Any) -> Run:
    """Start a program, let it prepare, and measure it."""
    return await run_together(server, module, 1, **arguments)


async def run_together(server: Server, module: str, processes: int, **arguments: Any) -> Run:
    """The same program so many times on the same work: let go when all are ready, and measured
    until the last has ended. `operations` is what each of them counts of the whole."""
    programs = [await _start(module, arguments) for _ in range(processes)]
    try:
        async with asyncio.timeout(_PATIENCE):
            for one in programs:
                if (await _line(one)).strip() != b"ready":
                    raise RuntimeError(f"{module} did not become ready")
            await server.checkpoint()
        async with asyncio.timeout(_PATIENCE):
            before = server.cpu
            for one in programs:
                assert one.stdin is not None
                one.stdin.write(b"go\n")
            results = [json.loads(await _line(one)) for one in programs]
            database = server.cpu - before
            for one in programs:
                await one.wait()
    finally:
        for one in programs:
            if one.returncode is None:
                one.kill()
                await one.wait()
    return Run(
        operations=int(results[0]["operations"]),
        seconds=max(float(one["seconds"]) for one in results),
        cpu=sum(float(one["cpu"]) for one in results),
        database_cpu=database,
        values=results[0],
    )


async def _start(module: str, arguments: Mapping[str, Any]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        json.dumps(arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env=_environment(),
        limit=1 << 20,
    )


@cache
def _environment() -> dict[str, str]:
    """Ours, but that programs keep what they have compiled, for one another: where they may not,
    each compiles all it imports, which takes longer than what is measured."""
    compiled = _COMPILED.name
    ours = {name: value for name, value in os.environ.items() if name != _WRITES_NOTHING}
    return {**ours, "PYTHONPYCACHEPREFIX": compiled}


async def _line(program: asyncio.subprocess.Process) -> bytes:
    assert program.stdout is not None
    line = await program.stdout.readline()
    if not line:
        raise RuntimeError("a program ended before it was done")
    return line


class _Measured(Protocol):
    @property
    def rate(self) -> float: ...


M = TypeVar("M", bound=_Measured)


def median(runs: Sequence[M]) -> M:
    """The run of the middle rate."""
    return sorted(runs, key=lambda one: one.rate)[len(runs) // 2]


def median_ratio(ours: Sequence[Run], theirs: Sequence[Run]) -> float:
    """Of rounds that ran side by side: what both met, the ratio does not show."""
    return statistics.median(a.rate / b.rate for a, b in zip(ours, theirs, strict=True))
