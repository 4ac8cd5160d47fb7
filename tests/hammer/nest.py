"""Forks the processes of the hammer, kills one every now and then, and stops after enough.

Run as a program of its own, so that it forks before there are threads: `python -m
tests.hammer.nest ORDER` with an `Order` in JSON; prints a `Report`.
"""

import asyncio
import gc
import os
import signal
import sys
import time
import traceback
from collections import Counter
from pathlib import Path
from random import Random
from typing import Final

import msgspec

from tests.hammer.striking import FAILED, SECTIONS, Kind, strike
from tests.harness.broker import USED, broker

_LOOK_EVERY: Final = 0.2


class Order(msgspec.Struct):
    """Seconds between kills; `skews` of the clocks are dealt out in turn. Gives up after
    `longest` seconds."""

    directory: str
    url: str
    processes: int
    operations: int
    kill_every: float
    skews: list[float]
    longest: float
    seed: int = 0


class Report(msgspec.Struct):
    """`done` and `refused` by kind, as `Kind` has it; `operations` are both. `unanswered`: the
    database was too busy. `failures`: processes that ended though nobody killed them. `late`:
    bookings that were not released when that was planned to be over."""

    operations: int
    done: dict[str, int]
    refused: dict[str, int]
    unanswered: int
    kills: int
    seconds: float
    failures: int
    late: int = 0


def main(order: Order) -> Report:
    asyncio.run(_load(order))
    gc.freeze()
    random, begun = Random(order.seed), time.monotonic()
    counters = Path(order.directory) / "counters"
    counters.mkdir()
    children: dict[int, int] = {}
    kills, failures, born = 0, 0, 0
    next_kill = begun + 2 * order.kill_every
    while not _enough(counters, order) and time.monotonic() - begun < order.longest:
        while len(children) < order.processes:
            children[_fork(order, born, counters)] = born
            born += 1
        time.sleep(_LOOK_EVERY)
        if time.monotonic() >= next_kill:
            os.kill(random.choice(list(children)), signal.SIGKILL)
            kills += 1
            next_kill += order.kill_every
        failures += _bury(children)
    for child in children:
        os.kill(child, signal.SIGKILL)
    while children:
        failures += _bury(children)
        time.sleep(0.01)
    return _report(counters, kills, time.monotonic() - begun, failures)


async def _load(order: Order) -> None:
    """Open a broker once, so that all it is made of is there before the first fork: processes that
    take the place of the dead strike at once."""
    USED.url = order.url
    async with broker(Path(order.directory), **SECTIONS):
        pass


def _fork(order: Order, number: int, counters: Path) -> int:
    child = os.fork()
    if child:
        return child
    try:
        skew = order.skews[number % len(order.skews)]
        counter = counters / str(number)
        directory = Path(order.directory)
        asyncio.run(strike(directory, order.url, order.seed * 1000 + number, skew, counter))
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _bury(children: dict[int, int]) -> int:
    """Forget those that have ended; how many of them failed."""
    failed = 0
    for child in list(children):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            del children[child]
            failed += not os.WIFSIGNALED(status)
    return failed


def _enough(counters: Path, order: Order) -> bool:
    written = sum(file.stat().st_size for file in counters.iterdir())
    if written < order.operations:
        return False  # without reading them
    return written - _counts(counters)[FAILED.decode()] >= order.operations


def _counts(counters: Path) -> Counter[str]:
    return Counter(letter for file in counters.iterdir() for letter in file.read_text())


def _report(counters: Path, kills: int, seconds: float, failures: int) -> Report:
    counts = _counts(counters)
    done = {kind.name: counts[kind.letter] for kind in Kind}
    refused = {kind.name: number for kind in Kind if (number := counts[kind.letter.upper()])}
    operations = sum(done.values()) + sum(refused.values())
    unanswered = counts[FAILED.decode()]
    return Report(operations, done, refused, unanswered, kills, seconds, failures)


if __name__ == "__main__":
    report = main(msgspec.json.decode(sys.argv[1], type=Order))
    sys.stdout.write(msgspec.json.encode(report).decode())
