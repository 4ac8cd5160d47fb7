"""Booking under fire: many processes, wrong clocks, kill -9; an audit finds nothing afterwards."""

import asyncio
import subprocess
import sys
from functools import partial
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from execution_broker.storage import auditing, offersets
from execution_broker.storage.database import Connection
from execution_broker.transitions.expiring import expire
from tests.hammer.ending import end
from tests.hammer.nest import Order, Report
from tests.hammer.striking import SECTIONS
from tests.harness.broker import USED, Broker, broker
from tests.harness.databases import on_database

__all__ = ["on_database"]

_ROOT = Path(__file__).parents[2]


async def test_a_short_fire(tmp_path: Path) -> None:
    """As much as there is time for: processes take long to start where many share a machine."""
    report = await under_fire(tmp_path, processes=3, operations=1500, kill_every=4, longest=12)
    assert report.operations >= 10


@pytest.mark.soak
async def test_a_hundred_thousand_operations(tmp_path: Path) -> None:
    report = await under_fire(tmp_path, processes=8, operations=100_000, kill_every=4, longest=7200)
    assert report.operations >= 100_000
    assert report.kills >= 10
    assert report.late >= 10


async def under_fire(
    directory: Path, *, processes: int, operations: int, kill_every: float, longest: float
) -> Report:
    """What the audit must not find, while things are as the dead left them and once all ended."""
    async with broker(directory, **SECTIONS):
        pass  # the tables, the platforms and their reports are there before the fire
    order = Order(
        directory=str(directory),
        url=USED.url,
        processes=processes,
        operations=operations,
        kill_every=kill_every,
        skews=[0, 180, -180, 60],
        longest=longest,
    )
    report = await asyncio.to_thread(_fire, order)
    async with broker(directory, **SECTIONS) as made:
        found = await auditing.audit(made.database)
        report.late = await _late(made)
        print(f"\n{report} {found.bookings} bookings, {found.decisions} decisions")  # noqa: T201 - the figures of a long run
        assert found.findings == ()
        await _end_all(made)
        found = await auditing.audit(made.database)
        assert found.findings == ()
        live = await made.rows(
            "SELECT count(*) FROM booking WHERE ended_at IS NULL AND "
            "(component IS NULL OR component <> 'outputs')"
        )
        assert live == [(0,)]
    return report


def _fire(order: Order) -> Report:
    done = subprocess.run(
        [sys.executable, "-m", "tests.hammer.nest", msgspec.json.encode(order).decode()],
        cwd=_ROOT,
        env={"PYTHONPATH": f"{_ROOT}:{_ROOT}/tests/plugin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = msgspec.json.decode(done.stdout.splitlines()[-1], type=Report)
    assert report.failures == 0, done.stderr
    return report


async def _late(made: Broker) -> int:
    """How many bookings were not released when that was planned to be over: by the time of the last
    decision, as clocks were wrong."""
    ((last,),) = await made.rows("SELECT max(decided_at) FROM platform")
    booked = await made.rows(
        "SELECT end_second, ended_at FROM booking"
        " WHERE session_id IS NOT NULL AND component <> 'outputs'"
    )
    return sum(
        end < made.instant(last if ended is None else ended).timestamp() for end, ended in booked
    )


async def _end_all(made: Broker) -> None:
    await made.later(hours=1)

    async def sweep(connection: Connection) -> int:
        now = await connection.clock()
        expired = await offersets.expired(connection, now, 100)
        await expire(connection, expired, now)
        return len(expired)

    while await made.database.write(sweep):
        pass
    accepted = "SELECT uuid FROM session WHERE accepted_at IS NOT NULL AND released_at IS NULL"
    uuids = [UUID(str(uuid)) for (uuid,) in await made.rows(accepted)]
    for one in range(0, len(uuids), 50):
        await made.database.write(partial(end, uuids=uuids[one : one + 50]))
