"""A session from request to release, through services and a worker."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from msgspec import json

from execution_broker.domain.identity import Role
from execution_broker.models.phases import ComponentPhase, SessionPhase
from execution_broker.transitions.replaying import replay
from tests.harness.asking import request
from tests.harness.broker import Broker, broker, working
from tests.harness.waiting import until
from tests.plugin.scripted import SECRET


async def test_a_session_runs_and_leaves_nothing(tmp_path: Path) -> None:
    async with broker(tmp_path) as made, working(made):
        alice = await made.caller("alice")
        uuid = await made.run(alice, request())
        session = await made.ended(alice, uuid)
        assert session.phase is SessionPhase.COMPLETED
        assert session.executable is not None
        assert session.executable.phase is ComponentPhase.COMPLETED
        made_and_removed = made.creations()
        created = sorted(key for what, _, key in made_and_removed if what == "create")
        removed = sorted(key for what, _, key in made_and_removed if what == "remove")
        assert created == removed == ["compute", "data/0", "executable", "storage/0"]
        live = await made.rows(
            "SELECT component, amount_name, amount FROM booking WHERE ended_at IS NULL"
        )
        assert live == [("outputs", "outputs", 1)]


async def test_what_is_kept_is_booked_as_it_is_and_for_as_long_as_promised(tmp_path: Path) -> None:
    """Not for the most that it could have been, from the end that was planned on."""
    platforms = {"here": {"plugin": "scripted", "most_outputs": 20}}
    booked = "SELECT amount, end_second FROM booking WHERE component = 'outputs'"
    async with broker(tmp_path, platforms=platforms) as made, working(made):
        alice = await made.caller("alice")
        uuid = await made.run(alice, request(duration="PT5H"))
        await made.ended(alice, uuid)
        ((amount, end),) = await made.rows(f"{booked} AND ended_at IS NULL")
        assert amount == 1
        assert end - datetime.now(UTC).timestamp() <= 3600


@pytest.mark.parametrize(
    ("script", "phase"),
    [
        ({"prepare_data": "transient"}, SessionPhase.COMPLETED),
        ({"prepare_storage": "slow"}, SessionPhase.COMPLETED),
        ({"prepare_data": "permanent"}, SessionPhase.FAILED),
        ({"prepare_executable": "crash"}, SessionPhase.FAILED),
        ({"run": "fail"}, SessionPhase.FAILED),
        ({"start": "permanent"}, SessionPhase.FAILED),
        ({"collect": "permanent"}, SessionPhase.FAILED),
        ({"collect": "fault"}, SessionPhase.FAILED),
    ],
)
async def test_failures_end_as_they_should_and_leave_nothing(
    tmp_path: Path, script: dict[str, str], phase: SessionPhase
) -> None:
    async with broker(tmp_path, worker={"attempts": 2}) as made, working(made):
        alice = await made.caller("alice")
        uuid = await made.run(alice, request(script=script))
        session = await made.ended(alice, uuid)
        assert session.phase is phase
        made_and_removed = made.creations()
        created = [key for what, _, key in made_and_removed if what == "create"]
        removed = [key for what, _, key in made_and_removed if what == "remove"]
        assert sorted(created) == sorted(removed)
        assert len(set(created)) == len(created)


@pytest.mark.parametrize("call", ["prepare_data", "start", "collect", "release_storage"])
async def test_why_it_is_tried_again_is_told_and_replayed(tmp_path: Path, call: str) -> None:
    async with broker(tmp_path) as made, working(made):
        alice = await made.caller("alice")
        uuid = await made.run(alice, request(script={call: "transient"}))
        session = await made.ended(alice, uuid)
        said = json.encode(session).decode()
        step = call.replace("_", "-")
        told = f"{step} failed: {call} failed: as the script says. It is tried again "
        assert said.count(told) == 1
        replayed = await made.database.read(lambda c: replay(c, UUID(uuid)))
        assert replayed.differences == ()


@pytest.mark.parametrize("call", ["prepare_data", "start", "watch"])
async def test_cancel_interrupts_whatever_it_does(tmp_path: Path, call: str) -> None:
    worker = {"lease": 3, "renewal": 1}
    async with broker(tmp_path, worker=worker) as made, working(made):
        alice = await made.caller("alice")
        uuid = await made.run(alice, request(script={call: "hang"}))

        async def hangs() -> bool:
            return made.is_marked(uuid, call)

        await until(hangs)
        cancelled = await made.set_phase(alice, uuid, "CANCELLED")
        assert cancelled.phase is SessionPhase.CANCELLED
        assert (await made.ended(alice, uuid)).phase is SessionPhase.CANCELLED
        assert await made.rows("SELECT count(*) FROM receipt WHERE gone_at IS NULL") == [(0,)]


async def test_a_batch_whose_time_is_over_has_failed(tmp_path: Path) -> None:
    async with broker(tmp_path) as made, working(made):
        alice = await made.caller("alice")
        uuid = await made.run(alice, request(script={"run": "forever"}, duration="PT10M"))

        async def runs() -> bool:
            return (await made.session(alice, uuid)).phase is SessionPhase.RUNNING

        await until(runs)
        made.shift(timedelta(minutes=11))
        session = await made.ended(alice, uuid)
        assert session.phase is SessionPhase.FAILED
        assert session.executable is not None
        assert session.executable.phase is ComponentPhase.FAILED
        assert session.meta is not None
        assert any(m.kind.endswith("cut-off") for m in session.meta.messages)


async def test_a_connector_is_for_the_owner_and_the_administrator_alone(tmp_path: Path) -> None:
    """Its address is in no event and no message either, and gone with what it led to."""
    async with broker(tmp_path) as made, working(made):
        alice = await made.caller("alice")
        script = {"prepare_compute": "connect", "run": "forever"}
        uuid = await made.run(alice, request(script=script))

        async def is_running() -> bool:
            return (await made.session(alice, uuid)).phase is SessionPhase.RUNNING

        await until(is_running)
        administrator = await made.caller("root", Role.ADMINISTRATOR)
        for reader in (alice, administrator):
            (connector,) = (await made.session(reader, uuid)).connectors
            assert SECRET in (connector.location or "")
        for stranger in (None, await made.caller("bob")):
            assert SECRET.encode() not in json.encode(await made.session(stranger, uuid))
        events = await made.rows("SELECT body FROM event")
        assert events
        assert not [body for (body,) in events if SECRET in str(body)]
        await made.set_phase(alice, uuid, "CANCELLED")
        (connector,) = (await made.ended(alice, uuid)).connectors
        assert (connector.status, connector.location) == ("FINISHED", None)


async def test_a_session_that_never_began_is_released_by_what_releases_alone(
    tmp_path: Path,
) -> None:
    async with broker(tmp_path) as made:
        alice = await made.caller("alice")
        uuid = await made.run(alice, request())
        assert await _steps(made) == {"begin": "READY"}
        cancelled = await made.set_phase(alice, uuid, "CANCELLED")
        assert cancelled.phase is SessionPhase.CANCELLED
        found = await _steps(made)
        assert found.pop("begin") == "CANCELLED"
        assert set(found) >= {"release-compute", "collect", "finish"}
        assert not {key for key in found if key.startswith(("prepare", "start", "watch", "end"))}
        async with working(made):
            await made.ended(alice, uuid)
        assert set((await _steps(made)).values()) <= {"COMPLETED", "CANCELLED"}
        assert made.holdings() == []


async def test_what_is_cancelled_while_it_waits_is_released(tmp_path: Path) -> None:
    async with broker(tmp_path) as made, working(made):
        alice = await made.caller("alice")
        start = (datetime.now(UTC) + timedelta(hours=2)).replace(microsecond=0)
        uuid = await made.run(alice, request(start=f"{start.isoformat()}/PT1H"))

        async def is_waiting() -> bool:
            return (await made.session(alice, uuid)).phase is SessionPhase.WAITING

        await until(is_waiting)
        await made.set_phase(alice, uuid, "CANCELLED")
        assert (await made.ended(alice, uuid)).phase is SessionPhase.CANCELLED
        live = "SELECT count(*) FROM booking WHERE ended_at IS NULL AND component <> 'outputs'"
        assert await made.rows(live) == [(0,)]


async def test_what_is_cancelled_while_it_is_released_has_ended_before(tmp_path: Path) -> None:
    ends = "SELECT ended_at FROM session WHERE uuid = ?"
    async with broker(tmp_path) as made, working(made):
        alice = await made.caller("alice")
        uuid = await made.run(alice, request(script={"release_compute": "held"}))

        async def is_being_released() -> bool:
            return made.is_marked(uuid, "release_compute")

        await until(is_being_released)
        ended = await made.rows(ends, uuid)
        cancelled = await made.set_phase(alice, uuid, "CANCELLED")
        assert cancelled.phase is SessionPhase.CANCELLED
        made.unmark(uuid, "release_compute")
        assert (await made.ended(alice, uuid)).phase is SessionPhase.CANCELLED
        assert await made.rows(ends, uuid) == ended != [(None,)]


async def _steps(made: Broker) -> dict[str, str]:
    """The steps of all sessions: the phase of each kind."""
    rows = await made.rows("SELECT kind, phase FROM step WHERE session_id IS NOT NULL")
    return {kind.removeprefix("urn:execution-broker:step:"): phase for kind, phase in rows}


async def test_what_a_platform_remembers_of_components_is_kept_apart(tmp_path: Path) -> None:
    """Those that are prepared side by side, and what is only known while one is under way."""
    calls = {"prepare_storage": "storage/0", "prepare_executable": "executable"}
    script = dict.fromkeys((*calls, "prepare_data", "prepare_compute"), "remember")
    async with broker(tmp_path) as made, working(made):
        alice = await made.caller("alice")
        uuid = await made.run(alice, request(script=script))
        assert (await made.ended(alice, uuid)).phase is SessionPhase.COMPLETED
        ((facts,),) = await made.rows("SELECT facts FROM session WHERE uuid = ?", uuid)
        keys = (*calls.values(), "data/0", "compute")
        assert json.decode(facts) == {key: {"first": key, "then": True} for key in keys}
