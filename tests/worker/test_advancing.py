"""Who is ready before the planned start starts, if there is room; bookings and end move with it."""

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from execution_broker.domain.identity import Caller
from execution_broker.domain.iso8601 import read_duration, read_instant, write_interval
from execution_broker.models.execution import ExecutionSession
from execution_broker.models.phases import SessionPhase
from execution_broker.models.update import DeltaUpdate
from execution_broker.storage import auditing, steps
from execution_broker.transitions.replaying import replay
from tests.harness.asking import request, starts
from tests.harness.broker import Broker, broker, working
from tests.harness.locking import locked
from tests.harness.waiting import until

ONE = {"offers": 1}
PROMISED = 300
"""Seconds that preparing is said to take. It takes none."""
TIMINGS = {"storage": 0, "executable_here": PROMISED, "compute": 0, "release": 1}
HERE = {"plugin": "scripted", "cores": 1, "timings": TIMINGS}
LIVE = (
    "SELECT start_second, end_second FROM booking"
    " WHERE component = ? AND amount_name = ? AND ended_at IS NULL AND session_id IS NOT NULL"
)
FOREVER = {"run": "forever"}


async def test_what_is_ready_starts_and_its_bookings_and_its_end_move_with_it(
    tmp_path: Path,
) -> None:
    async with broker(tmp_path, negotiation=ONE, platforms={"here": HERE}) as made:
        alice = await made.caller("alice")
        uuid = await made.run(alice, request(duration="PT10M", script=FOREVER, storage=5))
        promised = await made.session(alice, uuid)
        before = {name: await made.rows(LIVE, name, amount) for name, amount in _BOOKED}
        async with working(made):
            await until(lambda: _is(made, uuid, SessionPhase.RUNNING))
            session = await made.session(alice, uuid)
            ((started, ends),) = await made.rows("SELECT started_at, ends_at FROM session")
        earliest, latest = starts(promised)
        first, last = starts(session)
        assert earliest <= first < last < latest
        moved = _end(promised) - _end(session)
        assert moved > timedelta(seconds=PROMISED / 2)
        for name, amount in _BOOKED:
            ((_, end),) = before[name]
            ((begin, earlier),) = await made.rows(LIVE, name, amount)
            assert abs(end - earlier - moved.total_seconds()) <= 1
            assert earliest.timestamp() <= begin <= first.timestamp() + 1
        assert made.instant(ends) - made.instant(started) > timedelta(minutes=9, seconds=59)
        assert "started-late" not in _said(session)
        await _is_sound(made, uuid)
        update = DeltaUpdate("schedule.available.duration", 5, "min")
        await made.services.sessions.update(UUID(uuid), alice, update)
        await _is_sound(made, uuid)


async def test_who_is_slow_to_start_early_has_broken_no_promise(tmp_path: Path) -> None:
    async with broker(tmp_path, negotiation=ONE, platforms={"here": HERE}) as made, working(made):
        alice = await made.caller("alice")
        script = {**FOREVER, "start": "held"}
        uuid = await made.run(alice, request(duration="PT10M", script=script))
        await until(lambda: _is_held(made, uuid, "start"))
        made.shift(timedelta(seconds=30))
        made.unmark(uuid, "start")
        await until(lambda: _is(made, uuid, SessionPhase.RUNNING))
        said = _said(await made.session(alice, uuid))
        assert not {"started-late", "postponed"} & set(said)
        assert await made.rows("SELECT is_promise_broken FROM session") == [(0,)]
        ((started, ends),) = await made.rows("SELECT started_at, ends_at FROM session")
        assert made.instant(ends) - made.instant(started) == timedelta(minutes=10)
        await _is_sound(made, uuid)


async def test_how_late_it_is_counts_from_what_was_promised(tmp_path: Path) -> None:
    """And not from when it could have started."""
    async with broker(tmp_path, negotiation=ONE, platforms={"here": HERE}) as made, working(made):
        alice = await made.caller("alice")
        script = {**FOREVER, "start": "held"}
        uuid = await made.run(alice, request(duration="PT10M", script=script))
        await until(lambda: _is_held(made, uuid, "start"))
        made.shift(timedelta(seconds=PROMISED + 60))
        made.unmark(uuid, "start")
        await until(lambda: _is(made, uuid, SessionPhase.RUNNING))
        session = await made.session(alice, uuid)
        assert session.meta is not None
        (late,) = [one for one in session.meta.messages if one.kind.endswith(":postponed")]
        seconds = read_duration(late.values["late"]).total_seconds()
        assert 55 <= seconds <= 90


async def test_what_cannot_start_early_fails_with_a_log_that_leads_there(tmp_path: Path) -> None:
    async with broker(tmp_path, negotiation=ONE, platforms={"here": HERE}) as made, working(made):
        alice = await made.caller("alice")
        script = {"start": "permanent"}
        uuid = await made.run(alice, request(duration="PT10M", script=script))
        assert (await made.ended(alice, uuid)).phase is SessionPhase.FAILED
        await _is_sound(made, uuid)


async def test_what_is_ready_waits_while_others_have_the_room_and_no_longer(
    tmp_path: Path,
) -> None:
    """However late they are to go."""
    async with broker(tmp_path, negotiation=ONE, platforms={"here": HERE}) as made, working(made):
        alice, bob = await made.caller("alice"), await made.caller("bob")
        script = {**FOREVER, "release_compute": "held"}
        first = await made.run(bob, request(duration="PT1M", script=script))
        await until(lambda: _is(made, first, SessionPhase.RUNNING))
        uuid = await made.run(alice, request(duration="PT10M", script=FOREVER))
        await until(lambda: _says(made, uuid, "waits-for-room"))
        made.shift(timedelta(seconds=90))
        await until(lambda: _is_held(made, first, "release_compute"))
        looked = await _looked(made, uuid)
        await until(lambda: _has_looked(made, uuid, looked + 2))
        assert await _is(made, uuid, SessionPhase.AVAILABLE)
        made.unmark(first, "release_compute")
        await until(lambda: _runs_now(made, uuid))
        assert _said(await made.session(alice, uuid)).count("waits-for-room") == 1
        await _is_sound(made, uuid)


async def test_the_lock_of_the_platform_is_not_waited_for(tmp_path: Path) -> None:
    """What another process has is taken later; meanwhile all else goes on, but for SQLite. What is
    decided then, is decided after it."""
    sections: dict[str, Any] = {"negotiation": ONE, "platforms": {"here": HERE}}
    async with broker(tmp_path, **sections) as made, broker(tmp_path, **sections) as ahead:
        alice = await made.caller("alice")
        script = {**FOREVER, "prepare_executable": "held"}
        uuid = await made.run(alice, request(duration="PT10M", script=script))
        ((key, _),) = made.work.platforms.items()
        ahead.shift(timedelta(minutes=2))
        async with working(made):
            await until(lambda: _is_held(made, uuid, "prepare_executable"))
            async with locked(ahead, key) as decided:
                made.unmark(uuid, "prepare_executable")
                if not made.is_embedded():
                    await until(lambda: _is(made, uuid, SessionPhase.AVAILABLE))
            await until(lambda: _is(made, uuid, SessionPhase.RUNNING))
        assert "waits-for-room" not in _said(await made.session(alice, uuid)), "there was room"
        ((begun,),) = await made.rows("SELECT max(made_at) FROM booking")
        assert made.instant(begun) > decided
        await _is_sound(made, uuid)


async def test_what_is_changed_while_it_waits_still_starts_early(tmp_path: Path) -> None:
    async with broker(tmp_path, negotiation=ONE, platforms={"here": HERE}) as made, working(made):
        alice, bob = await made.caller("alice"), await made.caller("bob")
        first = await made.run(bob, request(duration="PT1M", script=FOREVER))
        await until(lambda: _is(made, first, SessionPhase.RUNNING))
        uuid = await made.run(alice, request(duration="PT10M", script=FOREVER))
        await until(lambda: _says(made, uuid, "waits-for-room"))
        update = DeltaUpdate("schedule.available.duration", 5, "min")
        await made.services.sessions.update(UUID(uuid), alice, update)
        promised = _end(await made.session(alice, uuid))
        await made.set_phase(bob, first, "CANCELLED")
        await until(lambda: _runs_now(made, uuid))
        session = await made.session(alice, uuid)
        assert promised - _end(session) > timedelta(seconds=PROMISED / 2)
        ((started, ends),) = await made.rows(
            "SELECT started_at, ends_at FROM session WHERE uuid = ?", uuid
        )
        assert made.instant(ends) - made.instant(started) > timedelta(minutes=14, seconds=55)
        await _is_sound(made, uuid)


async def test_a_start_that_was_asked_for_is_kept(tmp_path: Path) -> None:
    async with broker(tmp_path, negotiation=ONE, platforms={"here": HERE}) as made:
        alice = await made.caller("alice")
        asked = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=400)
        window = write_interval(asked, asked + timedelta(seconds=1))
        uuid = await made.run(alice, request(duration="PT10M", start=window, script=FOREVER))
        made.shift(timedelta(seconds=200))
        async with working(made):
            await until(lambda: _says(made, uuid, "waits-for-start"))
            assert await _is(made, uuid, SessionPhase.AVAILABLE)
            assert starts(await made.session(alice, uuid))[0] == asked
            made.shift(timedelta(seconds=200))
            await until(lambda: _is(made, uuid, SessionPhase.RUNNING))
        ((started,),) = await made.rows("SELECT started_at FROM session")
        assert made.instant(started) >= asked
        await _is_sound(made, uuid)


async def test_a_platform_with_reservations_of_its_own_keeps_every_start(tmp_path: Path) -> None:
    fixed = {**HERE, "fixed_starts": True}
    async with broker(tmp_path, negotiation=ONE, platforms={"here": fixed}) as made, working(made):
        alice = await made.caller("alice")
        uuid = await made.run(alice, request(duration="PT10M", script=FOREVER))
        await until(lambda: _says(made, uuid, "waits-for-start"))
        assert await _is(made, uuid, SessionPhase.AVAILABLE)
        made.shift(timedelta(seconds=PROMISED + 5))
        await until(lambda: _is(made, uuid, SessionPhase.RUNNING))


_BOOKED = (("compute", "cores"), ("storage/0", "storage"), ("outputs", "outputs"))


async def _is_sound(made: Broker, uuid: str) -> None:
    """Nothing was booked twice, and the log leads to what is stored."""
    assert (await auditing.audit(made.database)).findings == ()
    replayed = await made.database.read(partial(replay, uuid=UUID(uuid)))
    assert replayed.differences == ()


async def _is(made: Broker, uuid: str, phase: SessionPhase) -> bool:
    return (await made.session(None, uuid)).phase is phase


async def _is_held(made: Broker, uuid: str, call: str) -> bool:
    return made.is_marked(uuid, call)


async def _looked(made: Broker, uuid: str) -> int:
    """How often it was looked at whether a session can start."""
    ((delays,),) = await made.rows(
        "SELECT step.delays FROM step JOIN session ON session.id = step.session_id"
        " WHERE session.uuid = ? AND step.kind LIKE '%:start'",
        uuid,
    )
    return int(delays)


async def _runs_now(made: Broker, uuid: str) -> bool:
    """Whether it runs when it is looked at now."""
    await made.database.write(steps.poke)
    return await _is(made, uuid, SessionPhase.RUNNING)


async def _has_looked(made: Broker, uuid: str, often: int) -> bool:
    await made.database.write(steps.poke)
    return await _looked(made, uuid) >= often


async def _says(made: Broker, uuid: str, word: str, caller: Caller | None = None) -> bool:
    return word in _said(await made.session(caller, uuid))


def _said(session: ExecutionSession) -> list[str]:
    assert session.meta is not None
    return [message.kind.rpartition(":")[2] for message in session.meta.messages]


def _end(session: ExecutionSession) -> datetime:
    """When its time is planned to be over."""
    assert session.schedule is not None
    assert session.schedule.releasing is not None
    return read_instant(str(session.schedule.releasing.start))
