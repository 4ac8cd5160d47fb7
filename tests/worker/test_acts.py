"""Every act is bounded in time: one that hangs ends, and keeps neither its place nor its lease."""

import asyncio
import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from msgspec import json

from execution_broker.domain.plan import StepKind
from execution_broker.metering import PrometheusMeter
from execution_broker.models.execution import ExecutionSession
from execution_broker.models.phases import SessionPhase
from execution_broker.storage import steps
from execution_broker.storage.database import Connection
from execution_broker.storage.records import LeasedStep
from execution_broker.storage.steps import Lease
from execution_broker.worker.renewing import Held, Loss, Renewer
from tests.harness.asking import request
from tests.harness.broker import Broker, broker, working
from tests.harness.waiting import until

LIMITS = {"act_limit": 1, "long_act_limit": 1, "attempts": 1, "grace": 0, "collecting": 0}
BRIEF = {**LIMITS, "lease": 5, "renewal": 1}
BOUNDED = (
    *("prepare_storage", "prepare_data", "prepare_executable", "prepare_compute", "start"),
    "collect",
)
ENDLESS = ("watch", "release_compute", "release_data", "release_executable", "release_storage")
"""What is tried again until it succeeds."""
CUT_OFF = "cut off after 1 s"


async def test_acts_of_every_kind_that_hang_are_cut_off_while_their_leases_are_kept(
    tmp_path: Path,
) -> None:
    """One session for each kind, all at once: nobody waits for a lease to lapse."""
    sections: dict[str, Any] = {
        "platforms": {"here": {"plugin": "scripted", "cores": len(BOUNDED + ENDLESS)}},
        "upkeep": {"reconcile": 1},
        "worker": LIMITS,
    }
    async with broker(tmp_path, **sections) as made, working(made):
        alice = await made.caller("alice")
        scripts = dict.fromkeys(BOUNDED, "hang") | dict.fromkeys(ENDLESS, "hang-once")
        uuids = [await made.run(alice, request(script={c: how})) for c, how in scripts.items()]
        for call, uuid in zip(scripts, uuids, strict=True):
            session = await made.ended(alice, uuid, 25)
            is_bounded = call in BOUNDED
            expected = SessionPhase.FAILED if is_bounded else SessionPhase.COMPLETED
            assert session.phase is expected, call
            assert CUT_OFF in said(session), call
            word = call.replace("_", "-").encode()
            assert b'broker_acts_cut_off_total{kind="%s"} ' % word in counted(made)
        assert made.holdings() == []
        assert b"broker_leases_lost_total 0.0" in counted(made)


async def test_an_act_that_is_cut_off_is_tried_again(tmp_path: Path) -> None:
    async with broker(tmp_path, worker={**LIMITS, "attempts": 5}) as made, working(made):
        alice = await made.caller("alice")
        uuid = await made.run(alice, request(script={"prepare_data": "hang-once"}))
        assert (await made.ended(alice, uuid, 20)).phase is SessionPhase.COMPLETED


async def test_what_does_not_heed_it_is_left_and_keeps_no_place(tmp_path: Path) -> None:
    """There is one place for all that is staged, and somebody else gets it."""
    pools = {"staging": {"kinds": ["prepare-data"], "concurrency": 1}}
    async with broker(tmp_path, worker={**BRIEF, "pools": pools}) as made, working(made):
        alice = await made.caller("alice")
        deaf = await made.run(alice, request(script={"prepare_data": "deaf"}))

        async def is_deaf() -> bool:
            return made.is_marked(deaf, "prepare_data")

        await until(is_deaf)
        other = await made.run(alice, request())
        assert (await made.ended(alice, other, 20)).phase is SessionPhase.COMPLETED
        assert made.is_marked(deaf, "prepare_data")
        session = await made.ended(alice, deaf, 20)
        assert CUT_OFF in said(session)
        assert made.is_marked(deaf, "prepare_data")
        made.unmark(deaf, "prepare_data")


async def test_a_worker_that_stops_does_not_wait_for_what_does_not_heed_it(tmp_path: Path) -> None:
    worker = {**BRIEF, "act_limit": 300, "long_act_limit": 300, "drain": 0}
    async with broker(tmp_path, worker=worker) as made:
        alice = await made.caller("alice")
        uuid = await made.run(alice, request(script={"prepare_data": "deaf"}))

        async def is_deaf() -> bool:
            return made.is_marked(uuid, "prepare_data")

        async with working(made):
            await until(is_deaf)
            stopping = time.monotonic()
        assert time.monotonic() - stopping < 10
        made.unmark(uuid, "prepare_data")
        rows = await made.rows("SELECT phase FROM step WHERE key = 'prepare-data:data/0'")
        assert rows == [("READY",)]


async def test_no_lease_is_renewed_past_the_bound_of_its_act(tmp_path: Path) -> None:
    """A worker whose loop is blocked cuts nothing off, but its thread renews: it must not."""
    async with broker(tmp_path) as made:
        await made.run(await made.caller("alice"), request())
        processor = uuid4()
        (leased,) = await made.database.write(lambda c: claim(c, made, processor))
        lost: list[Loss] = []
        renewer = Renewer(made.open_database, timedelta(seconds=0.05), timedelta(seconds=30))
        renewer.hold([leased], Held(processor, lost.append, until=time.monotonic() + 0.2))
        renewer.start()
        try:

            async def is_lost() -> bool:
                return bool(lost)

            await until(is_lost, 10)
            before = await made.rows("SELECT free_at FROM step WHERE id = ?", leased.id)
            renewals = len(lost)

            async def has_come_round() -> bool:
                return len(lost) > renewals + 2

            await until(has_come_round, 10)
            assert set(lost) == {Loss.LAPSED}
            assert await made.rows("SELECT free_at FROM step WHERE id = ?", leased.id) == before
        finally:
            await asyncio.to_thread(renewer.stop)


def said(session: ExecutionSession) -> str:
    """All messages, those of its components included."""
    return json.encode(session).decode()


def counted(made: Broker) -> bytes:
    meter = made.database.meter
    assert isinstance(meter, PrometheusMeter)
    return meter.text()


async def claim(connection: Connection, made: Broker, processor: object) -> list[LeasedStep]:
    await connection.clock()
    kinds, platforms = [StepKind.BEGIN], list(made.work.platforms)
    lease = Lease(processor, kinds, platforms, 1, timedelta(seconds=30))  # type: ignore[arg-type]
    return await steps.claim(connection, lease)
