"""Offers of one answer that expire at different times: each for itself, whatever becomes of others.

A window that closes soon leaves less time to answer where preparing takes longer.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from execution_broker.domain.amounts import CORES
from execution_broker.domain.errors import Conflict
from execution_broker.domain.identity import Caller
from execution_broker.domain.iso8601 import write_interval
from execution_broker.models.phases import SessionPhase
from execution_broker.models.update import IntegerUpdate
from execution_broker.services.booking.calendars import Calendars
from execution_broker.services.booking.choosing import TurnDown
from execution_broker.services.booking.desk import Desk
from execution_broker.services.booking.scene import Scene
from execution_broker.storage import offersets, sessions
from execution_broker.storage.database import Connection
from execution_broker.storage.records import StoredSession
from execution_broker.transitions.expiring import expire
from tests.harness.asking import request, uuid_of
from tests.harness.broker import Broker, broker

PLATFORMS = {
    "quick": {"plugin": "scripted", "price": 1.0},
    "slow": {"plugin": "scripted", "prepare": 120},
}
_HELD = (
    "SELECT count(*) FROM booking JOIN platform ON platform.id = booking.platform_id"
    " WHERE booking.ended_at IS NULL AND platform.name = "
)
HELD_HERE, HELD_THERE = f"{_HELD} 'quick'", f"{_HELD} 'slow'"


class Look:
    """An errand that tells how many cores are free on each platform when it is decided."""

    offerset = None
    uuid = None
    identity = None
    repetition = None

    def __init__(self, made: Broker) -> None:
        self.platforms = frozenset(made.work.platforms)

    def decide(self, scene: Scene) -> dict[str, int]:
        second = int(scene.now.timestamp())
        return {
            scene.platforms[key].name: calendar.free(CORES, second, second + 86400)
            for key, calendar in scene.calendars.items()
        }


def unguarded(session: StoredSession, now: datetime) -> None:
    """Nothing is expected of the session."""


async def test_who_turns_one_down_does_not_hold_again_what_has_expired(tmp_path: Path) -> None:
    async with broker(tmp_path, platforms=PLATFORMS) as made:
        alice = await made.caller("alice")
        (quick, *_), (slow, *_) = await _offers(made, alice)
        assert await made.rows(HELD_THERE) != [(0,)]
        made.shift(timedelta(seconds=150))
        assert (await made.session(alice, slow)).phase is SessionPhase.EXPIRED
        await made.set_phase(alice, quick, "REJECTED")
        assert await made.rows(HELD_THERE) == [(0,)]


async def test_what_was_seen_to_have_expired_stays_so_when_another_is_accepted(
    tmp_path: Path,
) -> None:
    async with broker(tmp_path, platforms=PLATFORMS) as made:
        alice = await made.caller("alice")
        (quick, other, *_), (slow, *_) = await _offers(made, alice)
        made.shift(timedelta(seconds=150))
        seen = await made.session(alice, slow)
        assert seen.phase is SessionPhase.EXPIRED
        await made.set_phase(alice, quick, "ACCEPTED")
        assert await made.session(alice, slow) == seen
        assert (await made.session(alice, other)).phase is SessionPhase.REJECTED


async def test_all_that_are_turned_down_at_once_hold_nothing(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        alice = await made.caller("alice")
        offers = [uuid_of(one) for one in (await made.ask(alice, request())).offers]
        await asyncio.gather(*(made.set_phase(alice, one, "REJECTED") for one in offers))
        assert await made.rows("SELECT count(*) FROM booking WHERE ended_at IS NULL") == [(0,)]
        (answer,) = (await made.ask(alice, request(cores=4))).offers[:1]
        assert answer.phase is SessionPhase.OFFERED


async def test_what_was_turned_down_is_not_held_again_with_what_is_changed(tmp_path: Path) -> None:
    held = (
        "SELECT sum(amount * (end_second - start_second)) FROM booking"
        " WHERE amount_name = 'cores' AND ended_at IS NULL"
    )
    async with broker(tmp_path) as made:
        alice = await made.caller("alice")
        first, *others = [uuid_of(one) for one in (await made.ask(alice, request())).offers]
        for other in others:
            await made.set_phase(alice, other, "REJECTED")
        ((before,),) = await made.rows(held)
        await made.services.sessions.update(UUID(first), alice, IntegerUpdate("compute.cores", 2))
        assert await made.rows(held) == [(2 * before,)]


async def test_what_has_expired_pays_for_nothing_larger(tmp_path: Path) -> None:
    negotiation = {"budget": {"cores": 2}}
    async with broker(tmp_path, platforms=PLATFORMS, negotiation=negotiation) as made:
        alice = await made.caller("alice")
        (quick, *_), (slow, *_) = await _offers(made, alice)
        two = IntegerUpdate("compute.cores", 2)
        await made.services.sessions.update(UUID(slow), alice, two)
        made.shift(timedelta(seconds=150))
        assert (await made.ask(alice, request())).result == "YES"
        with pytest.raises(Conflict, match="You hold 2 cores in unanswered offers"):
            await made.services.sessions.update(UUID(quick), alice, two)


async def test_what_has_expired_is_given_back_once(tmp_path: Path) -> None:
    """An offer is turned down whose sibling has expired: who decides in the same transaction finds
    no more room for it than there is."""
    async with broker(tmp_path, platforms=PLATFORMS) as made:
        alice = await made.caller("alice")
        (quick, *_), _ = await _offers(made, alice)
        found = await made.database.read(lambda c: sessions.locate(c, UUID(quick)))
        assert found is not None
        made.shift(timedelta(seconds=150))
        desk = Desk(made.database, Calendars())
        errand = TurnDown(found.offerset, found.uuid, unguarded, SessionPhase.REJECTED)
        _, free = await asyncio.gather(desk.do(errand), desk.do(Look(made)))
        assert free["slow"] == 4


async def test_a_sweep_leaves_what_is_open_and_all_that_it_holds(tmp_path: Path) -> None:
    async with broker(tmp_path, platforms=PLATFORMS) as made:
        alice = await made.caller("alice")
        quick, slow = await _offers(made, alice)
        made.shift(timedelta(seconds=150))
        seen = [await made.session(alice, one) for one in (*quick, *slow)]
        held = await made.rows(HELD_HERE)
        await made.database.write(_sweep)
        stored = await made.rows("SELECT uuid, phase FROM session")
        assert {str(uuid): phase for uuid, phase in stored} == {
            **dict.fromkeys(quick, "OFFERED"),
            **dict.fromkeys(slow, "EXPIRED"),
        }
        assert [await made.session(alice, one) for one in (*quick, *slow)] == seen
        assert await made.rows(HELD_HERE) == held != [(0,)]


async def _sweep(connection: Connection) -> None:
    now = await connection.clock()
    await expire(connection, await offersets.expired(connection, now, 100), now)


async def _offers(made: Broker, caller: Caller) -> tuple[list[str], list[str]]:
    """Those on the quick platform, and those on the slow one, which expire first."""
    now = datetime.now(UTC).replace(microsecond=0)
    window = write_interval(now, now + timedelta(seconds=240))
    offers = (await made.ask(caller, request(duration="PT1M", start=window))).offers
    (last, *_) = sorted((one.expires for one in offers if one.expires), reverse=True)
    quick = [uuid_of(one) for one in offers if one.expires == last]
    return quick, [uuid_of(one) for one in offers if uuid_of(one) not in quick]
