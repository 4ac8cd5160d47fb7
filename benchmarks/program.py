"""The other side of a run: what a program does that is measured."""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.machine import own_cpu

FIRST = 10
"""How often what is idle is asked before its answers count: by these its connections are opened,
and learn its statements."""


def program(prepare: Callable[..., Awaitable[Callable[[], Awaitable[dict[str, Any]]]]]) -> None:
    """`prepare` gets the arguments and returns the work to measure.

    The work returns at least its number of `operations`; its own `seconds`, if it knows better.
    """
    arguments = json.loads(sys.argv[1])

    async def whole() -> None:
        work = await prepare(**arguments)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.readline)
        cpu, start = own_cpu(), time.monotonic()
        values = await work()
        measured = {"seconds": time.monotonic() - start, "cpu": own_cpu() - cpu}
        sys.stdout.write(json.dumps({**measured, **values}) + "\n")
        sys.stdout.flush()

    with asyncio.Runner(loop_factory=_new_loop) as runner:
        runner.run(whole())


def _new_loop() -> asyncio.AbstractEventLoop:
    import uvloop

    return uvloop.new_event_loop()
