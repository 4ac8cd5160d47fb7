"""A place that is away ends no session: how long what fails is tried again, by its kind (S4)."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from execution_broker.domain.identity import Caller
from execution_broker.factory import operating
from execution_broker.models.execution import ExecutionSession
from execution_broker.models.extensions import SubscriptionRequest
from execution_broker.models.phases import SessionPhase
from execution_broker.models.told import Told
from execution_broker.transitions.replaying import replay
from tests.harness.asking import request
from tests.harness.broker import Broker, broker, working
from tests.harness.waiting import until

WORKER = {"attempts": 2, "poll": 0.2}
"""Two failures would be enough, were they the fault of the session."""
MANY = 4


@contextmanager
def away(made: Broker) -> Iterator[None]:
    """The place answers nothing that is asked for a session."""
    file = made.settings.data_directory / "platforms" / "here" / "away"
    file.touch()
    try:
        yield
    finally:
        file.unlink()


async def begun(made: Broker, alice: Caller, call: str, **script: Any) -> str:
    """A session that is at this call, which goes on once it is unmarked."""
    uuid = await made.run(alice, request(script={call: "held", **script}, duration="PT1H"))

    async def is_there() -> bool:
        return made.is_marked(uuid, call)

    await until(is_there)
    return uuid


async def failing(made: Broker, more_than: int, seconds: int = 31) -> None:
    """Time passes until a step of a session has failed so often."""

    async def failed() -> int:
        rows = await made.rows("SELECT max(failures) FROM step WHERE session_id IS NOT NULL")
        return int(rows[0][0] or 0)

    for number in range(1, more_than + 1):

        async def has(number: int = number) -> bool:
            return await failed() >= number

        await until(has)
        if number < more_than:
            made.shift(timedelta(seconds=seconds))


def told(session: ExecutionSession, kind: str) -> list[str]:
    """The messages of one kind, wherever they are."""
    assert session.meta is not None
    parts = [session, session.executable, session.compute, *session.data, *session.storage]
    return [
        one.message or ""
        for part in parts
        if part is not None and part.meta is not None
        for one in part.meta.messages
        if one.kind.endswith(kind)
    ]


@pytest.mark.parametrize(
    "call", ["prepare_data", "start", "watch", "collect", "release_compute", "release_storage"]
)
async def test_an_outage_of_minutes_at_any_time_ends_nothing(tmp_path: Path, call: str) -> None:
    async with broker(tmp_path, worker=WORKER) as made, working(made):
        alice = await made.caller("alice")
        uuid = await begun(made, alice, call)
        with away(made):
            made.unmark(uuid, call)
            await failing(made, MANY)
        made.shift(timedelta(seconds=31))
        session = await made.ended(alice, uuid)
        assert session.phase is SessionPhase.COMPLETED
        (once,) = {one for one in told(session, "tried-again") if "is away" in one}
        assert f"{call.replace('_', '-')} failed: " in once
        endless = {"watch": "until the session ends.", "release": "until it succeeds."}
        assert once.endswith(endless.get(call.partition("_")[0], "Z."))
        assert made.holdings() == []
        replayed = await made.database.read(lambda c: replay(c, UUID(uuid)))
        assert replayed.differences == ()


async def test_preparing_is_given_up_when_it_would_be_far_too_late(tmp_path: Path) -> None:
    async with broker(tmp_path, worker={**WORKER, "grace": 60}) as made, working(made):
        alice = await made.caller("alice")
        uuid = await begun(made, alice, "prepare_data")
        with away(made):
            made.unmark(uuid, "prepare_data")
            await failing(made, 2, seconds=5)
            assert (await made.session(alice, uuid)).phase is SessionPhase.PREPARING
            made.shift(timedelta(seconds=61))

            async def is_over() -> bool:
                return (await made.session(alice, uuid)).phase is SessionPhase.FAILED

            await until(is_over)
        session = await made.ended(alice, uuid)
        assert told(session, "step-gave-up")


@pytest.mark.parametrize(
    ("run", "phase"), [("", SessionPhase.COMPLETED), ("forever", SessionPhase.FAILED)]
)
async def test_a_batch_that_ends_unseen_is_judged_by_what_is_seen_then(
    tmp_path: Path, run: str, phase: SessionPhase
) -> None:
    async with broker(tmp_path, worker=WORKER) as made, working(made):
        alice = await made.caller("alice")
        uuid = await begun(made, alice, "watch", run=run)
        with away(made):
            made.unmark(uuid, "watch")
            await failing(made, 1)
            made.shift(timedelta(hours=1, minutes=1))
            await failing(made, 2)
            assert (await made.session(alice, uuid)).phase is SessionPhase.RUNNING
        made.shift(timedelta(seconds=31))
        session = await made.ended(alice, uuid)
        assert session.phase is phase
        assert bool(told(session, "cut-off")) is (phase is SessionPhase.FAILED)


async def test_a_batch_that_is_not_seen_again_has_failed(tmp_path: Path) -> None:
    async with broker(tmp_path, worker=WORKER) as made, working(made):
        alice = await made.caller("alice")
        uuid = await begun(made, alice, "watch")
        with away(made):
            made.unmark(uuid, "watch")
            await failing(made, 1)
            made.shift(timedelta(hours=1, minutes=11))

            async def has_failed() -> bool:
                return (await made.session(alice, uuid)).phase is SessionPhase.FAILED

            await until(has_failed)
        made.shift(timedelta(seconds=31))
        session = await made.ended(alice, uuid)
        assert told(session, "unseen")
        assert told(session, "cut-off")


async def test_what_can_never_be_released_is_given_up_by_hand(tmp_path: Path) -> None:
    booked = "SELECT count(*) FROM booking WHERE ended_at IS NULL AND component <> 'outputs'"
    async with broker(tmp_path, worker=WORKER) as made, working(made):
        alice = await made.caller("alice")
        uuid = await begun(made, alice, "release_compute")
        wanted = SubscriptionRequest(way="webhook", address="https://x.test/", about=(Told.FAILED,))
        await made.services.subscriptions.add(alice, wanted)
        assert await operating.unreleased(made.settings) == []
        with away(made):
            made.unmark(uuid, "release_compute")
            await failing(made, MANY)
            (one,) = await operating.unreleased(made.settings)
            assert (str(one.session), one.platform, one.steps) == (
                uuid,
                "here",
                ("release-compute",),
            )
            assert await made.rows(booked) != [(0,)]
            left = await operating.give_up(made.settings, UUID(uuid))
            assert "compute" in left
        session = await made.ended(alice, uuid)
        assert session.phase is SessionPhase.FAILED
        assert told(session, "given-up")
        assert await made.rows("SELECT count(*) FROM step WHERE kind LIKE '%:notify'") == [(1,)]
        assert await made.rows(booked) == [(0,)]
        assert await operating.unreleased(made.settings) == []
        replayed = await made.database.read(lambda c: replay(c, UUID(uuid)))
        assert replayed.differences == ()
