"""Preparing that is not done by the promised end fails the session there and then."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from execution_broker.domain.plan import PREPARES, StepKind
from execution_broker.models.execution import ExecutionSession
from execution_broker.models.phases import ComponentPhase, SessionPhase
from execution_broker.storage import sessions, steps
from execution_broker.storage.database import Connection
from execution_broker.storage.records import LeasedStep, StoredSession
from execution_broker.storage.steps import Lease
from execution_broker.worker.carrying import Carrier
from tests.harness.asking import request
from tests.harness.broker import Broker, broker, working
from tests.harness.waiting import until

SOON = timedelta(seconds=2)


async def stored(made: Broker, uuid: str) -> StoredSession:
    found = await made.database.read(lambda c: sessions.by_uuid(c, UUID(uuid)))
    assert found is not None
    return found


def said(session: ExecutionSession) -> str:
    """What the session was failed with."""
    assert session.meta is not None
    (message,) = [m for m in session.meta.messages if m.kind.endswith("too-late")]
    return message.message or ""


def promised_end(session: StoredSession) -> datetime:
    return datetime.fromtimestamp(session.terms.latest + session.terms.duration, UTC)


@pytest.mark.parametrize("call", ["prepare_storage", "start"])
async def test_what_hangs_fails_at_the_promised_end_and_is_released(
    tmp_path: Path, call: str
) -> None:
    """In the time of this machine: nobody waits for a renewal, nor for a lease to lapse."""
    async with broker(tmp_path) as made, working(made):
        alice = await made.caller("alice")
        uuid = await made.run(alice, request(script={call: "hang"}, duration="PT1S"))
        session = await made.ended(alice, uuid, 15)
        assert session.phase is SessionPhase.FAILED
        found = await stored(made, uuid)
        assert found.ended is not None
        assert found.released is not None
        assert promised_end(found) <= found.ended < promised_end(found) + SOON
        assert found.released < found.ended + SOON
        assert made.holdings() == []


async def test_the_message_says_what_was_not_ready_and_how_far_it_was(tmp_path: Path) -> None:
    async with broker(tmp_path) as made, working(made):
        alice = await made.caller("alice")
        uuid = await made.run(alice, request(script={"prepare_data": "drip"}, duration="PT1S"))
        session = await made.ended(alice, uuid, 15)
        assert "data series (190 of 100000 bytes)" in said(session)
        assert "executable" not in said(session)
        (data,) = session.data
        assert data.phase is ComponentPhase.FAILED


@pytest.mark.parametrize("kind", sorted(PREPARES), ids=lambda kind: kind.word)
async def test_a_worker_that_was_killed_keeps_no_session_past_its_end(
    tmp_path: Path, kind: StepKind
) -> None:
    """The dead worker's lease has not lapsed yet; what it held is released once it has."""
    async with broker(tmp_path) as made:
        alice = await made.caller("alice")
        uuid = await made.run(alice, request(duration="PT10M"))
        await killed_in(made, kind)
        async with working(made):
            made.shift(timedelta(minutes=11))
            await until(lambda: has_failed(made, uuid), 15)
            assert (await stored(made, uuid)).released is None
            made.shift(timedelta(hours=1))
            session = await made.ended(alice, uuid, 15)
            assert said(session)
            assert made.holdings() == []


async def test_what_is_put_back_again_and_again_is_not_asked_after_the_end(tmp_path: Path) -> None:
    async with broker(tmp_path) as made, working(made):
        alice = await made.caller("alice")
        uuid = await made.run(alice, request(script={"prepare_data": "never"}, duration="PT1S"))
        session = await made.ended(alice, uuid, 15)
        assert "data series" in said(session)
        assert made.holdings() == []


async def test_until_the_promised_end_a_late_session_is_prepared(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        alice = await made.caller("alice")
        uuid = await made.run(alice, request(script={"prepare_data": "held"}, duration="PT1H"))
        async with working(made):

            async def is_held() -> bool:
                return made.is_marked(uuid, "prepare_data")

            await until(is_held)
            made.shift(timedelta(minutes=59))
            made.unmark(uuid, "prepare_data")
            session = await made.ended(alice, uuid)
            assert session.phase is SessionPhase.COMPLETED


async def has_failed(made: Broker, uuid: str) -> bool:
    return (await made.session(None, uuid)).phase is SessionPhase.FAILED


async def killed_in(made: Broker, kind: StepKind) -> None:
    """Lease a step of this kind for an hour, and carry all that does not wait for it."""
    others = [one for one in StepKind if one not in (kind, StepKind.END)]
    processor, is_leased = uuid4(), False
    carrier = Carrier(made.database, made.work.handlers, made.settings.worker, processor)
    for _ in range(20):
        is_leased |= bool(await made.database.write(lambda c: claim(c, made, kind)))
        leased = await made.database.write(lambda c: claim(c, made, *others, by=processor))
        for step in leased:
            await carrier.carry(step)
        if is_leased and not leased:
            return
    raise AssertionError(f"no step of the kind {kind.word} came up")


async def claim(
    connection: Connection, made: Broker, *kinds: StepKind, by: Any = None
) -> list[LeasedStep]:
    await connection.clock()
    platforms = list(made.work.platforms)
    return await steps.claim(
        connection, Lease(by or uuid4(), kinds, platforms, 1, timedelta(hours=1))
    )
