"""Forks the processes of the hammer, kills one every now and then, and stops after enough.

Run as a program of its own, so that it forks before there are threads: `python -m
tests.hammer.nest ORDER` with an `Order` in JSON; prints a `Report`.
"""

import asyncio
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from random import Random

import msgspec

from execution_broker.ports import registry
from tests.hammer.striking import REFUSED, strike


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
    """`refused` of the operations came to nothing but a reason: too late, no room, not there."""

    operations: int
    refused: int
    kills: int
    seconds: float
    failures: int


def main(order: Order) -> Report:
    random, begun = Random(order.seed), time.monotonic()
    counters = Path(order.directory) / "counters"
    counters.mkdir()
    children: dict[int, int] = {}
    kills, failures, born = 0, 0, 0
    next_kill = begun + 2 * order.kill_every
    _import_plugins()
    while _done(counters) < order.operations and time.monotonic() - begun < order.longest:
        while len(children) < order.processes:
            children[_fork(order, born, counters)] = born
            born += 1
        time.sleep(0.05)
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
    took = time.monotonic() - begun
    refused = sum(file.read_bytes().count(REFUSED) for file in counters.iterdir())
    return Report(_done(counters), refused, kills, took, failures)


def _import_plugins() -> None:
    """Once, and not in every process that takes the place of a dead one."""
    registry.installed("platforms")
    registry.installed("data_kinds")
    registry.installed("transfers")


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


def _done(counters: Path) -> int:
    return sum(file.stat().st_size for file in counters.iterdir())


if __name__ == "__main__":
    report = main(msgspec.json.decode(sys.argv[1], type=Order))
    sys.stdout.write(msgspec.json.encode(report).decode())
