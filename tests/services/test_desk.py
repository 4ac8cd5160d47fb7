"""The desk: many errands in one transaction, lagging replicas, differing clocks, cuts (B4-B7)."""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from execution_broker.domain.amounts import CORES
from execution_broker.domain.errors import Conflict
from execution_broker.models.phases import SessionPhase
from execution_broker.services.booking.calendars import Calendars, News
from execution_broker.services.booking.choosing import Accept, Decided
from execution_broker.services.booking.desk import Desk
from execution_broker.services.booking.scene import Scene
from execution_broker.steps.upkeep import store_report
from execution_broker.storage import auditing, sessions
from execution_broker.storage.database import Connection
from execution_broker.storage.records import Located, StoredPlatform, StoredSession
from tests.harness.asking import first_start, request, uuid_of
from tests.harness.broker import Broker, broker
from tests.harness.locking import locked, soon

ONE = {"offers": 1}
SCARCE = {"here": {"plugin": "scripted", "cores": 1}}


class Poison:
    """An errand with a fault of ours in it."""

    offerset = None
    uuid = None
    identity = None
    repetition = None
    platforms: frozenset[int] = frozenset()

    def decide(self, scene: Scene) -> None:
        raise ZeroDivisionError


class Spoilt(Poison):
    """Lets go what an answer holds, and then has a fault of ours in it."""

    def __init__(self, offerset: int) -> None:
        self.offerset: Any = offerset

    def decide(self, scene: Scene) -> None:
        scene.let_go(self.offerset)
        super().decide(scene)


class Hurried(Calendars):
    """Somebody who proposes has a later look at the clock while a transaction reads what is new."""

    async def news(
        self, connection: Connection, platforms: Iterable[StoredPlatform], now: datetime
    ) -> list[News]:
        found = await super().news(connection, platforms, now)
        with self.turn:
            self.take([], now + timedelta(minutes=6))
        return found


class Look:
    """An errand that tells when it is decided, and how many cores are free then."""

    offerset = None
    uuid = None
    identity = None
    repetition = None

    def __init__(self, platform: int) -> None:
        self.platforms = frozenset({platform})

    def decide(self, scene: Scene) -> tuple[datetime, int]:
        (calendar,) = scene.calendars.values()
        second = int(scene.now.timestamp())
        return scene.now, calendar.free(CORES, second, second + 86400)


class Noticed(Look):
    """One that tells when the desk has taken it up."""

    is_taken = False

    @property
    def repetition(self) -> None:  # type: ignore[override] # the same value, once it is asked for
        self.is_taken = True


def unguarded(session: StoredSession, now: Any) -> None:
    """Nothing is expected of the session."""


async def located(made: Broker, uuid: str) -> Located:
    found = await made.database.read(lambda c: sessions.locate(c, UUID(uuid)))
    assert found is not None
    return found


async def test_who_waits_is_served_by_few_transactions(tmp_path: Path) -> None:
    async with broker(tmp_path, negotiation=ONE, platforms=SCARCE) as made:
        users = [await made.caller(f"user{number}") for number in range(8)]
        answers = await asyncio.gather(
            *(made.ask(user, request(duration="PT10M")) for user in users)
        )
        assert all(answer.result == "YES" for answer in answers)
        (decisions,) = await made.rows("SELECT count(DISTINCT made_at) FROM booking")
        assert decisions[0] <= 4
        assert (await auditing.audit(made.database)).findings == ()


async def test_what_breaks_breaks_nobody_else(tmp_path: Path) -> None:
    async with broker(tmp_path, negotiation=ONE) as made:
        alice = await made.caller("alice")
        offers = [uuid_of((await made.ask(alice, request())).offers[0]) for _ in range(3)]
        found = [await located(made, offer) for offer in offers]
        desk = Desk(made.database, Calendars())
        good = [Accept(one.offerset, one.uuid, unguarded) for one in found]
        outcomes = await asyncio.gather(
            desk.do(good[0]), desk.do(Poison()), desk.do(good[1]), return_exceptions=True
        )
        assert isinstance(outcomes[1], ZeroDivisionError)
        for one in (outcomes[0], outcomes[2]):
            assert isinstance(one, Decided)
            assert one.session.phase is SessionPhase.ACCEPTED
        assert (await made.session(alice, offers[2])).phase is SessionPhase.OFFERED


async def test_what_comes_to_nothing_leaves_no_trace_in_a_calendar(tmp_path: Path) -> None:
    async with broker(tmp_path, negotiation=ONE, platforms=SCARCE) as made:
        alice = await made.caller("alice")
        (offer,) = (await made.ask(alice, request(duration="PT1H"))).offers
        found = await located(made, uuid_of(offer))
        ((key, _),) = made.work.platforms.items()
        desk = Desk(made.database, Calendars())
        for _ in range(2):
            assert (await desk.do(Look(key)))[1] == 0
            with pytest.raises(ZeroDivisionError):
                await desk.do(Spoilt(found.offerset))
        assert (await desk.do(Look(key)))[1] == 0
        await made.set_phase(alice, uuid_of(offer), "REJECTED")
        assert (await desk.do(Look(key)))[1] == 1


async def test_who_comes_while_another_process_has_the_locks_is_served_at_once(
    tmp_path: Path,
) -> None:
    async with (
        broker(tmp_path, negotiation=ONE) as made,
        broker(tmp_path, negotiation=ONE) as other,
    ):
        ((key, _),) = made.work.platforms.items()
        desk = Desk(made.database, Calendars())
        async with locked(other, key):
            first = Noticed(key)
            served = [asyncio.create_task(desk.do(first))]
            await soon(lambda: first.is_taken)
            served += [asyncio.create_task(desk.do(Look(key))) for _ in range(2)]
            poisoned = asyncio.create_task(desk.do(Poison()))
            await asyncio.sleep(0)  # all are at the desk
        with pytest.raises(ZeroDivisionError):
            await poisoned
        assert len(await asyncio.gather(*served)) == 3

        async with locked(other, key):
            again = Noticed(key)
            served = [asyncio.create_task(desk.do(again))]
            await soon(lambda: again.is_taken)
            served += [asyncio.create_task(desk.do(Look(key))) for _ in range(2)]
            await asyncio.sleep(0)
        decided = await asyncio.gather(*served)
        assert len({when for when, _ in decided}) == 1


async def test_two_about_the_same_answer_take_turns(tmp_path: Path) -> None:
    async with broker(tmp_path, negotiation={"offers": 2}) as made:
        alice = await made.caller("alice")
        first, second = [uuid_of(one) for one in (await made.ask(alice, request())).offers]
        outcomes = await asyncio.gather(
            made.set_phase(alice, first, "ACCEPTED"),
            made.set_phase(alice, second, "ACCEPTED"),
            return_exceptions=True,
        )
        assert sorted(isinstance(one, Conflict) for one in outcomes) == [False, True]


async def test_replicas_that_lag_never_sell_twice(tmp_path: Path) -> None:
    async with (
        broker(tmp_path, negotiation=ONE, platforms=SCARCE) as one,
        broker(tmp_path, negotiation=ONE, platforms=SCARCE) as other,
    ):
        alice = await one.caller("alice")
        await one.ask(alice, request(duration="PT10M"))
        for _ in range(4):
            answers = await asyncio.gather(
                *(made.ask(alice, request(duration="PT10M")) for made in (one, other, one, other))
            )
            assert all(answer.result == "YES" for answer in answers)
        assert (await auditing.audit(one.database)).findings == ()


async def test_what_expired_for_one_clock_has_expired_for_all(tmp_path: Path) -> None:
    async with (
        broker(tmp_path, negotiation=ONE, platforms=SCARCE) as one,
        broker(tmp_path, negotiation=ONE, platforms=SCARCE) as ahead,
    ):
        alice = await one.caller("alice")
        offer = uuid_of((await one.ask(alice, request(duration="PT1H"))).offers[0])
        await ahead.later(minutes=6)
        await ahead.run(alice, request(duration="PT1H"))
        with pytest.raises(Conflict, match="EXPIRED"):
            await one.set_phase(alice, offer, "ACCEPTED")
        assert (await auditing.audit(one.database)).findings == ()


async def test_what_a_decision_takes_for_expired_has_expired_by_its_time(tmp_path: Path) -> None:
    async with broker(tmp_path, negotiation=ONE, platforms=SCARCE) as made:
        alice = await made.caller("alice")
        (offer,) = (await made.ask(alice, request(duration="PT1H"))).offers
        assert offer.expires is not None
        ((key, _),) = made.work.platforms.items()
        held = await Desk(made.database, Calendars()).do(Look(key))
        assert (held[0] < offer.expires, held[1]) == (True, 0)
        gone = await Desk(made.database, Hurried()).do(Look(key))
        assert (gone[0] >= offer.expires, gone[1]) == (True, 1)


async def test_a_cut_blocks_offers_for_as_long_as_too_much_is_booked_and_cancels_nothing(
    tmp_path: Path,
) -> None:
    async with broker(tmp_path, negotiation=ONE) as made:
        alice = await made.caller("alice")
        running = await made.run(alice, request(cores=2))
        offer = uuid_of((await made.ask(alice, request(cores=2))).offers[0])
        await _has(made, cores=1)
        now = await made.now()
        soon = request(cores=1, start=f"{now.replace(microsecond=0).isoformat()}/PT30M")
        refused = await made.ask(alice, soon)
        assert refused.meta is not None
        assert [one.kind.rpartition(":")[2] for one in refused.meta.messages] == ["no-capacity"]
        later = await made.ask(alice, request(cores=1))
        assert first_start(later) > now + timedelta(minutes=59)
        accepted = await made.set_phase(alice, offer, "ACCEPTED")
        assert accepted.phase is SessionPhase.ACCEPTED
        assert (await made.session(alice, running)).phase is SessionPhase.ACCEPTED
        await _has(made, cores=5)
        assert (await made.ask(alice, soon)).result == "YES"
        assert (await auditing.audit(made.database)).findings == ()


async def _has(made: Broker, cores: int) -> None:
    """The platform reports so many cores from now on."""
    ((key, platform),) = made.work.platforms.items()
    reported = await platform.report()
    cut = msgspec.structs.replace(reported, capacity={**reported.capacity, CORES: cores})

    async def store(connection: Connection) -> None:
        await store_report(connection, key, cut)

    await made.database.write(store)
