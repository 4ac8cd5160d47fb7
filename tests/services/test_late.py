"""What is late to go stays booked, and with what is due closes no time that neither needs."""

import asyncio
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from execution_broker.domain.amounts import CORES
from execution_broker.domain.identity import Caller
from execution_broker.models.execution import OfferSetResponse
from execution_broker.models.phases import SessionPhase
from execution_broker.services.booking.calendars import Calendars
from execution_broker.services.booking.desk import Desk
from execution_broker.services.booking.scene import Scene
from execution_broker.storage import auditing, sessions
from tests.hammer.ending import end
from tests.harness.asking import first_start, request, uuid_of
from tests.harness.broker import Broker, broker, working
from tests.harness.locking import locked, somebody_waits
from tests.harness.upkeep import has_kept_up, keep_up
from tests.harness.waiting import until
from tests.services.test_desk import Look

ONE = {"offers": 1}
SCARCE = {"here": {"plugin": "scripted", "cores": 1}}
SIMULATED = {
    "simulated": {"capacity": {"cores": 2, "memory": 8, "storage": 10}, "takes": "everything"}
}


async def test_a_healthy_platform_with_sessions_back_to_back_takes_requests(
    tmp_path: Path,
) -> None:
    async with broker(tmp_path, platforms=SIMULATED, negotiation=ONE) as made:
        alice = await made.caller("alice")
        body = request(cores=2, duration="PT10M")
        body["executable"]["parameters"] = {"SIMULATED_RUN": "forever"}
        first, second = [await made.run(alice, body) for _ in range(2)]
        async with working(made):
            await until(lambda: _is(made, first, SessionPhase.RUNNING))
        await _shift_to(made, await _end_of(made, first) - timedelta(seconds=10))
        async with working(made):
            await until(lambda: has_kept_up(made))
            await made.report()
            tomorrow = await made.now() + timedelta(days=1)
            assert (await made.ask(alice, _from(tomorrow))).result == "YES"
            now = await made.ask(alice, _from(await made.now(), minutes=5))
            assert [_kind(one) for one in _faults(now)] == ["no-capacity"]
        await _shift_to(made, await _end_of(made, first) + timedelta(seconds=1))
        async with working(made):
            await made.ended(alice, first)
            await until(lambda: _is(made, second, SessionPhase.RUNNING))
        assert (await auditing.audit(made.database)).findings == ()


async def test_what_is_late_stays_booked_though_nobody_works(tmp_path: Path) -> None:
    async with _scarce(tmp_path) as made:
        alice = await made.caller("alice")
        late = await _a_late_one(made, alice)
        for minutes in (0, 1, 10):
            await made.later(minutes=minutes)
            now = await made.now()
            soon = await made.ask(alice, request(duration="PT10M"))
            assert first_start(soon) > now + timedelta(seconds=30)
            tomorrow = await made.ask(alice, _from(now + timedelta(days=1)))
            assert tomorrow.result == "YES"
            await _give_back(made, alice, soon)
            await _give_back(made, alice, tomorrow)
        assert (await auditing.audit(made.database)).findings == ()
        await _let_go(made, alice, late)
        soon = await made.ask(alice, request(duration="PT10M"))
        assert first_start(soon) < await made.now() + timedelta(seconds=10)


async def test_a_late_one_and_one_that_is_due_leave_other_times_open(tmp_path: Path) -> None:
    async with _scarce(tmp_path) as made:
        alice = await made.caller("alice")
        late = await _a_late_one(made, alice, another="PT30M")
        await keep_up(made)
        await made.report()
        now = await made.now()
        within = await made.ask(alice, _from(now, minutes=5))
        assert [_kind(one) for one in _faults(within)] == ["no-capacity"]
        soon = await made.ask(alice, request(duration="PT10M"))
        assert soon.result == "YES"
        assert first_start(soon) < now + timedelta(minutes=32)
        await _let_go(made, alice, late)
        assert (await auditing.audit(made.database)).findings == ()


async def test_who_waits_for_the_lock_sees_who_is_late_once_it_has_it(tmp_path: Path) -> None:
    """By the clock before the wait the session would be on time, and by that after it is late; but
    not once it is released, however late that was told."""
    async with _scarce(tmp_path) as made, _scarce(tmp_path) as ahead:
        alice = await made.caller("alice")
        uuid = await made.run(alice, request(duration="PT10M", script={"run": "forever"}))
        async with working(made):
            await until(lambda: _is(made, uuid, SessionPhase.RUNNING))
        await _shift_to(made, await _booked_until(made, uuid) - timedelta(minutes=1))
        await made.report()
        ahead.shift(made.opened[0].shift + timedelta(minutes=2) - ahead.opened[0].shift)
        ((key, _),) = made.work.platforms.items()
        async with locked(ahead, key) as decided:
            waiting = asyncio.ensure_future(made.ask(alice, request(duration="PT10M")))
            await somebody_waits(made)
        first = first_start(await waiting)
        assert decided + timedelta(seconds=30) < first < decided + timedelta(seconds=90)
        await _give_back(made, alice, await waiting)

        looking = Desk(made.database, Calendars())
        assert (await looking.do(Look(key)))[1] == 0
        release = partial(end, uuids=[UUID(uuid)])
        async with locked(ahead, key, release):
            waiting_too = asyncio.ensure_future(looking.do(Look(key)))
            await somebody_waits(made)
        assert (await waiting_too)[1] == 1
        assert (await auditing.audit(made.database)).findings == ()


async def test_a_calendar_that_is_made_anew_knows_who_is_late(tmp_path: Path) -> None:
    async with _scarce(tmp_path) as made:
        alice = await made.caller("alice")
        uuid = await made.run(alice, request(duration="PT10M"))
        ((key, _),) = made.work.platforms.items()
        kept = Calendars()
        for later in (timedelta(), timedelta(minutes=50), timedelta(hours=30)):
            await _shift_to(made, await _booked_until(made, uuid) + later)
            for calendars in (Calendars(), kept):
                assert (await Desk(made.database, calendars).do(Soon(key)))[1] == 0, later
        await made.set_phase(alice, uuid, "CANCELLED")
        async with working(made):
            await made.ended(alice, uuid)
        assert (await Desk(made.database, kept).do(Soon(key)))[1] == 1


async def test_outputs_are_kept_no_longer_than_was_promised(tmp_path: Path) -> None:
    platforms = {"here": {"plugin": "scripted", "outputs": 1}}
    async with broker(tmp_path, platforms=platforms, negotiation=ONE) as made:
        alice = await made.caller("alice")
        uuid = await made.run(alice, request(duration="PT10M"))
        async with working(made):
            await made.ended(alice, uuid)
        kept = await made.ask(alice, _from(await made.now(), minutes=5))
        assert [_kind(one) for one in _faults(kept)] == ["no-capacity"]
        await made.later(hours=3)
        assert (await made.ask(alice, _from(await made.now(), minutes=5))).result == "YES"


class Soon(Look):
    """An errand that tells how many cores are free for the next half minute."""

    def decide(self, scene: Scene) -> tuple[datetime, int]:
        (calendar,) = scene.calendars.values()
        second = int(scene.now.timestamp())
        return scene.now, calendar.free(CORES, second, second + 30)


def _scarce(directory: Path) -> AbstractAsyncContextManager[Broker]:
    return broker(directory, platforms=SCARCE, negotiation=ONE, worker={"drain": 0})


async def _a_late_one(made: Broker, alice: Caller, another: str | None = None) -> str:
    """A session of ten minutes whose compute is not released when that was planned to be over, and
    maybe another one that was booked for the time after it. No worker goes on with it."""
    script = {"run": "forever", "release_compute": "held"}
    late = await made.run(alice, request(duration="PT10M", script=script))
    if another:
        await made.run(alice, request(duration=another, script=script))
    async with working(made):
        await until(lambda: _is(made, late, SessionPhase.RUNNING))
        await _shift_to(made, await _end_of(made, late))
        await until(lambda: _is_stuck(made, late))
    await made.later(seconds=30)
    return late


async def _let_go(made: Broker, alice: Caller, late: str) -> None:
    made.unmark(late, "release_compute")
    async with working(made):
        await made.ended(alice, late)


async def _is_stuck(made: Broker, uuid: str) -> bool:
    return made.is_marked(uuid, "release_compute")


async def _shift_to(made: Broker, instant: datetime) -> None:
    made.shift(instant - await made.now())


async def _end_of(made: Broker, uuid: str) -> datetime:
    """When the time of a session that runs is over."""
    session = await made.database.read(lambda connection: sessions.by_uuid(connection, UUID(uuid)))
    assert session is not None
    assert session.ends is not None
    return session.ends


async def _booked_until(made: Broker, uuid: str) -> datetime:
    """When what is booked for a session is planned to be released."""
    rows = await made.rows(
        "SELECT max(end_second) FROM booking WHERE component <> 'outputs' AND ended_at IS NULL"
        " AND session_id = (SELECT id FROM session WHERE uuid = ?)",
        uuid,
    )
    return datetime.fromtimestamp(rows[0][0], UTC)


async def _is(made: Broker, uuid: str, phase: SessionPhase) -> bool:
    return (await made.session(None, uuid)).phase is phase


async def _give_back(made: Broker, alice: Caller, answer: OfferSetResponse) -> None:
    for offer in answer.offers:
        await made.set_phase(alice, uuid_of(offer), "REJECTED")


def _from(start: datetime, minutes: int = 60) -> dict[str, Any]:
    """A request to start from then on."""
    window = f"{start.replace(microsecond=0).isoformat()}/PT{minutes}M"
    return request(duration="PT10M", start=window)


def _faults(answer: OfferSetResponse) -> list[str]:
    assert answer.meta is not None
    return [one.kind for one in answer.meta.messages]


def _kind(urn: str) -> str:
    return urn.rpartition(":")[2]
