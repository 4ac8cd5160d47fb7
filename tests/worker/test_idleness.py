"""Idle sessions are warned, and come to their end where their site has it."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from execution_broker.domain.identity import Caller
from execution_broker.models.extensions import SubscriptionRequest
from execution_broker.models.phases import SessionPhase
from execution_broker.models.told import Told
from tests.harness.asking import request
from tests.harness.broker import Broker, broker, working
from tests.harness.receiver import receiver
from tests.harness.waiting import until

IDLE = {"run": "idle"}


def site(**rules: int) -> dict[str, Any]:
    return {"here": {"plugin": "scripted", **rules}}


async def warnings(made: Broker, caller: Caller, uuid: str) -> list[str]:
    session = await made.session(caller, uuid)
    assert session.meta is not None
    return [str(one.message) for one in session.meta.messages if one.kind.endswith("idle-warning")]


async def test_it_is_warned_once_each_time_and_its_owner_is_told(tmp_path: Path) -> None:
    notices = {"plain_http": True, "allow": ["127.0.0.1"]}
    platforms = site(idle_warning=60)
    async with (
        receiver() as hook,
        broker(tmp_path, platforms=platforms, notices=notices) as made,
        working(made),
    ):
        alice = await made.caller("alice")
        wanted = SubscriptionRequest(way="webhook", address=hook.url, about=(Told.IDLE,))
        await made.services.subscriptions.add(alice, wanted)
        uuid = await made.run(alice, request(script=IDLE))
        used = tmp_path / "platforms/here/used"

        def has(number: int) -> Any:
            async def is_warned() -> bool:
                return len(await warnings(made, alice, uuid)) >= number

            return is_warned

        async def watches(*, told: bool) -> bool:
            rows = await made.rows("SELECT payload FROM step WHERE kind LIKE '%watch'")
            return any(("is-warned" in str(row[0])) is told for row in rows)

        await until(has(1))

        async def has_come() -> bool:
            return bool(hook.received)

        await until(has_come)
        used.touch()
        await until(lambda: watches(told=False))
        used.unlink()
        await until(has(2))
        assert (await made.session(alice, uuid)).phase is SessionPhase.RUNNING
        await made.set_phase(alice, uuid, "CANCELLED")
        await made.ended(alice, uuid)
        (told,) = hook.received
        assert told.type == "session.idle"
        assert "Nothing has been done in it for PT1M" in told.data["text"]
        assert "end it if nobody needs it" in (await warnings(made, alice, uuid))[0]


async def test_it_comes_to_its_end_and_gives_back_what_it_holds(tmp_path: Path) -> None:
    platforms = site(idle_warning=60, idle_end=90)
    async with broker(tmp_path, platforms=platforms) as made, working(made):
        alice = await made.caller("alice")
        session = await made.ended(alice, await made.run(alice, request(script=IDLE)))
        assert session.phase is SessionPhase.COMPLETED
        assert "idle-ended" in msgspec.json.encode(session).decode()
        live = "SELECT count(*) FROM booking WHERE ended_at IS NULL AND component <> 'outputs'"
        assert await made.rows(live) == [(0,)]


@pytest.mark.parametrize("rules", [{}, {"idle_warning": 101, "idle_end": 102}])
async def test_otherwise_nothing_happens_to_it(tmp_path: Path, rules: dict[str, int]) -> None:
    async with broker(tmp_path, platforms=site(**rules)) as made, working(made):
        alice = await made.caller("alice")
        uuid = await made.run(alice, request(script=IDLE, duration="PT10M"))

        async def is_watched_often() -> bool:
            rows = await made.rows("SELECT delays FROM step WHERE kind LIKE '%watch'")
            return bool(rows) and rows[0][0] > 3

        await until(is_watched_often)
        assert await warnings(made, alice, uuid) == []
        assert (await made.session(alice, uuid)).phase is SessionPhase.RUNNING
        made.shift(timedelta(minutes=11))
        await made.ended(alice, uuid)
