"""queue_crash: a worker that holds many leases is killed; another one takes them over."""

import asyncio
import json
import signal
import sys
import time
from typing import Any, Final

import asyncpg

from benchmarks.figures import Figure, Limit
from benchmarks.ours import noop
from benchmarks.running import ROOT, Bench
from execution_broker.storage.postgres import PostgresDatabase

_LEASE: Final = 6


async def measure(bench: Bench) -> list[Figure]:
    """Each step belongs to a session, whose log shows whether it was applied once."""
    count = bench.size(1000, 50)
    lease = bench.size(_LEASE, 3)
    url = await bench.server.new_broker_database()
    database = PostgresDatabase(url)
    await noop.fill_sessions(database, count, [("noop", ())])
    platform = await noop.platform_of(database)
    await database.close()
    arguments = {"url": url, "platform": platform, "count": count, "lease": lease}
    holder = await _start(**arguments, hold=True)
    await _line(holder)
    heir = await _start(**arguments, hold=False)
    await _line(heir)
    killed = time.monotonic()
    holder.send_signal(signal.SIGKILL)
    await holder.wait()
    assert heir.stdin is not None
    heir.stdin.write(b"go\n")
    result: dict[str, Any] = json.loads(await _line(heir))
    await heir.wait()
    connection = await asyncpg.connect(url)
    completed = await connection.fetchval("SELECT count(*) FROM step WHERE phase = 'COMPLETED'")
    twice = await connection.fetchval(
        "SELECT count(*) FROM (SELECT session_id FROM event WHERE type = 'step-end' "
        "GROUP BY session_id HAVING count(*) > 1) AS repeated"
    )
    ends = await connection.fetchval("SELECT count(*) FROM event WHERE type = 'step-end'")
    await connection.close()
    await bench.server.drop(url)
    seconds = result["back"] - killed
    lost = count - int(completed)
    again = int(twice) + int(ends) - count
    return [
        Figure(
            name="queue_crash",
            case=f"{count} leases of {lease} s",
            figure=seconds,
            unit="s until all are back",
            limit=Limit("the lease", lease),
            target="≤ lease + 1 s, 0 lost, 0 applied twice",
            met=seconds <= lease + 1 and lost == 0 and again == 0,
            note=f"{lost} lost, {again} applied twice",
        )
    ]


async def _start(**arguments: Any) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.ours.crash",
        json.dumps(arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )


async def _line(program: asyncio.subprocess.Process) -> bytes:
    assert program.stdout is not None
    async with asyncio.timeout(120):
        line = await program.stdout.readline()
    if not line:
        raise RuntimeError("a worker ended before it was done")
    return line
