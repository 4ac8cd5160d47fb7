"""What a reader is told to be possible has room at that instant: all of it, and not one more."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import pytest

from execution_broker.domain.errors import Conflict
from execution_broker.domain.identity import Caller
from execution_broker.models.execution import ExecutionSession
from execution_broker.models.phases import SessionPhase
from execution_broker.models.update import DeltaUpdate, IntegerUpdate, StringUpdate
from execution_broker.services.booking.calendars import Calendars
from execution_broker.services.booking.rooms import Rooms
from execution_broker.storage import auditing, sessions
from execution_broker.storage.database import Database, Glance
from tests.harness.asking import request, uuid_of
from tests.harness.broker import Broker, broker, working
from tests.harness.waiting import until
from tests.services.test_changing import DURATION, ONE, change, integers

T = TypeVar("T")
CORES, MEMORY = "compute.cores", "compute.memory"
WIDE: dict[str, Any] = {"here": {"plugin": "scripted", "cores": 8, "memory": 16}}


def most(session: ExecutionSession) -> dict[str, int | None]:
    return {path: bounds[1] for path, bounds in integers(session).items()}


async def take_all(made: Broker, caller: Caller, uuid: str, path: str) -> None:
    """Each bound can be had, and one more not: the refusal lists what can."""
    before = most(await made.session(caller, uuid))
    bound = before[path]
    assert bound is not None
    with pytest.raises(Conflict) as refused:
        await change(made, caller, uuid, IntegerUpdate(path, bound + 1))
    assert f" to {bound} " in refused.value.remedy
    assert most(await made.session(caller, uuid)) == before
    changed = await change(made, caller, uuid, IntegerUpdate(path, bound))
    assert most(changed)[path] == bound
    assert most(await made.session(caller, uuid)) == most(changed)


async def test_what_others_take_is_not_offered_as_possible(tmp_path: Path) -> None:
    async with broker(tmp_path, negotiation=ONE, platforms=WIDE) as made:
        alice, bob = await made.caller("alice"), await made.caller("bob")
        answer = await made.ask(alice, request(duration="PT1H"))
        assert answer.meta is not None
        offerset, uuid = UUID(answer.meta.uuid), uuid_of(answer.offers[0])
        alone = most(answer.offers[0])
        assert (alone[CORES], alone[MEMORY]) == (8, 16)
        body = request(cores=5, duration="PT1H")
        body["compute"]["memory"] = {"min": 9}
        theirs = await made.run(bob, body)
        read = await made.session(alice, uuid)
        assert (most(read)[CORES], most(read)[MEMORY]) == (3, 7)
        (same,) = (await made.services.offers.read(offerset, alice)).offers
        assert same.meta == read.meta
        renamed = await change(made, alice, uuid, StringUpdate("meta.name", "mine"))
        assert most(renamed) == most(read)
        await take_all(made, alice, uuid, CORES)
        assert most(await made.session(bob, theirs))[CORES] == 5, "it keeps what it has"
        accepted = await made.set_phase(alice, uuid, "ACCEPTED")
        assert (most(accepted)[CORES], most(accepted)[MEMORY]) == (3, 7)
        await take_all(made, alice, uuid, MEMORY)
        await made.set_phase(bob, theirs, "CANCELLED")
        assert most(await made.session(alice, uuid))[DURATION] is not None
        assert (await auditing.audit(made.database)).findings == ()


async def test_a_session_lasts_at_most_until_the_next_begins(tmp_path: Path) -> None:
    platforms = {"here": {"plugin": "scripted", "cores": 1}}
    async with broker(tmp_path, negotiation=ONE, platforms=platforms) as made, working(made):
        alice, bob = await made.caller("alice"), await made.caller("bob")
        mine = await made.run(alice, request(duration="PT1H", script={"run": "forever"}))

        async def is_running() -> bool:
            return (await made.session(alice, mine)).phase is SessionPhase.RUNNING

        await until(is_running)
        before = most(await made.session(alice, mine))[DURATION]
        theirs = await made.run(bob, request(duration="PT1H"))
        after = most(await made.session(alice, mine))[DURATION]
        assert before is not None
        assert after is not None
        assert 3600 <= after < before
        await change(made, alice, mine, DeltaUpdate(DURATION, -30, "min"))
        assert most(await made.session(alice, mine))[DURATION] == after
        await take_all(made, alice, mine, DURATION)
        await made.set_phase(bob, theirs, "CANCELLED")

        async def is_free() -> bool:
            return most(await made.session(alice, mine))[DURATION] == before

        await until(is_free)
        assert (await auditing.audit(made.database)).findings == ()


async def test_all_offers_of_an_answer_have_the_room_of_their_hold(tmp_path: Path) -> None:
    """They exclude each other: what one holds is free for another of them (B2)."""
    platforms = {**WIDE, "there": {"plugin": "scripted", "cores": 2}}
    async with broker(tmp_path, platforms=platforms) as made:
        alice, bob = await made.caller("alice"), await made.caller("bob")
        await made.run(bob, request(cores=3, duration="PT2H"))
        answer = await made.ask(alice, request(duration="PT1H"))
        assert answer.meta is not None
        told = [most(offer) for offer in answer.offers]
        assert len(told) > 1
        read = await made.services.offers.read(UUID(answer.meta.uuid), alice)
        assert [most(offer) for offer in read.offers] == told
        for offer in answer.offers:
            await take_all(made, alice, uuid_of(offer), CORES)
        assert (await auditing.audit(made.database)).findings == ()


class Counting:
    """A database that counts how often it is looked at."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.looks = 0

    async def look(self, look: Callable[[Glance], Awaitable[T]]) -> T:
        self.looks += 1
        return await self._database.look(look)


async def test_one_statement_more_and_none_where_nothing_can_be_changed(tmp_path: Path) -> None:
    """Another process catches up with what it did not see, by itself."""
    async with broker(tmp_path, negotiation=ONE, platforms=WIDE) as made:
        counting: Any = Counting(made.database)
        elsewhere = Rooms(counting, Calendars())
        alice, bob = await made.caller("alice"), await made.caller("bob")
        uuid = uuid_of((await made.ask(alice, request(duration="PT1H"))).offers[0])

        async def look() -> tuple[int, dict[str, int]]:
            seen = await made.database.look(lambda glance: sessions.see(glance, UUID(uuid)))
            assert seen is not None
            counting.looks = 0
            await elsewhere.measure([seen.session], seen.now)
            return counting.looks, dict(seen.session.room)

        looks, room = await look()
        assert (looks, room["cores"]) == (1, 8)
        theirs = await made.run(bob, request(cores=5, duration="PT1H"))
        looks, room = await look()
        assert (looks, room["cores"]) == (1, 3)
        await change(made, alice, uuid, IntegerUpdate(CORES, 2))
        looks, room = await look()
        assert (looks, room["cores"]) == (1, 3)
        await made.set_phase(bob, theirs, "CANCELLED")
        await made.set_phase(alice, uuid, "REJECTED")
        assert await look() == (0, {})
