"""Options and updates: what may be changed is listed, needs a new hold, and can be refused (B6)."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from execution_broker.domain.errors import Conflict
from execution_broker.domain.identity import Caller
from execution_broker.models.execution import ExecutionSession
from execution_broker.models.message import DeltaOption, IntegerOption, StringOption
from execution_broker.models.phases import SessionPhase
from execution_broker.models.update import DeltaUpdate, IntegerUpdate, StringUpdate, Update
from execution_broker.storage import auditing
from tests.harness.asking import request, uuid_of
from tests.harness.broker import Broker, broker, working
from tests.harness.waiting import until

DURATION = "schedule.available.duration"
ONE = {"offers": 1}


async def change(made: Broker, caller: Caller, uuid: str, update: Update) -> ExecutionSession:
    return (await made.services.sessions.update(UUID(uuid), caller, update)).session


async def live(made: Broker, name: str = "cores") -> list[tuple[int, int]]:
    """(amount, length) of each live booking of an amount."""
    return await made.rows(
        "SELECT amount, end_second - start_second FROM booking "
        "WHERE amount_name = ? AND ended_at IS NULL ORDER BY id",
        name,
    )


def integers(session: ExecutionSession) -> dict[str, tuple[int | None, int | None]]:
    assert session.meta is not None
    found = [one for one in session.meta.options if isinstance(one, IntegerOption)]
    return {one.path: (one.min, one.max) for one in found}


def size_of(session: ExecutionSession) -> tuple[int | None, int | None]:
    assert session.compute is not None
    assert session.compute.cores is not None
    assert session.compute.memory is not None
    return session.compute.cores.max, session.compute.memory.max


async def test_an_offer_can_be_made_larger_while_there_is_room(tmp_path: Path) -> None:
    platforms = {"here": {"plugin": "scripted", "price": 1.0}}
    async with broker(tmp_path, negotiation=ONE, platforms=platforms) as made:
        alice = await made.caller("alice")
        offer = (await made.ask(alice, request(duration="PT1H"))).offers[0]
        uuid = uuid_of(offer)
        assert integers(offer)["compute.cores"] == (1, 4)
        larger = await change(made, alice, uuid, IntegerUpdate("compute.cores", 3, "cores"))
        assert size_of(larger)[0] == 3
        assert offer.costs[0].max == 1.0
        assert larger.costs[0].max == 3.0
        assert [amount for amount, _ in await live(made)] == [3]
        more = await change(made, alice, uuid, DeltaUpdate("/compute/memory", 2048, "MiB"))
        assert size_of(more) == (3, 3)
        longer = await change(made, alice, uuid, IntegerUpdate(DURATION, 2, "hours"))
        assert longer.schedule is not None
        assert longer.schedule.available is not None
        assert longer.schedule.available.duration == "PT2H"
        accepted = await made.set_phase(alice, uuid, "ACCEPTED")
        assert size_of(accepted) == (3, 3)
        assert accepted.costs == longer.costs
        found = await auditing.audit(made.database)
        assert found.findings == ()


async def test_what_has_no_room_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    async with broker(tmp_path, negotiation=ONE) as made:
        alice, bob = await made.caller("alice"), await made.caller("bob")
        uuid = uuid_of((await made.ask(alice, request(duration="PT1H"))).offers[0])
        await made.run(bob, request(cores=3, duration="PT1H"))
        before = await made.session(alice, uuid)
        booked = await live(made)
        for update in (
            IntegerUpdate("compute.cores", 2),
            DeltaUpdate("compute.cores", 1),
            IntegerUpdate("compute.cores", 5),
            IntegerUpdate("compute.cores", 0),
            IntegerUpdate("compute.memory", 1, "furlongs"),
            IntegerUpdate("compute.memory", 1, "MB"),
            StringUpdate("compute.cores", "2"),
            IntegerUpdate("storage", 2),
        ):
            with pytest.raises(Conflict) as refused:
                await change(made, alice, uuid, update)
            assert refused.value.remedy
        assert await live(made) == booked
        assert await made.session(alice, uuid) == before


async def test_a_running_session_is_extended_and_ends_later(tmp_path: Path) -> None:
    body = request(duration="PT10M", script={"run": "forever"})
    async with broker(tmp_path, negotiation=ONE) as made, working(made):
        alice = await made.caller("alice")
        uuid = await made.run(alice, body)

        async def is_running() -> bool:
            return (await made.session(alice, uuid)).phase is SessionPhase.RUNNING

        await until(is_running)
        longer = await change(made, alice, uuid, DeltaUpdate(DURATION, 30, "min"))
        assert longer.schedule is not None
        assert longer.schedule.available is not None
        assert longer.schedule.available.duration == "PT40M"
        await made.later(minutes=20)
        assert await is_running()
        await change(made, alice, uuid, IntegerUpdate(DURATION, 25, "minutes"))
        await made.later(minutes=6)
        assert (await made.ended(alice, uuid)).phase is SessionPhase.FAILED
        found = await auditing.audit(made.database)
        assert found.findings == ()


async def test_a_change_while_the_platform_starts_it_counts(tmp_path: Path) -> None:
    body = request(duration="PT10M", script={"run": "forever", "start": "held"})
    async with broker(tmp_path, negotiation=ONE) as made, working(made):
        alice = await made.caller("alice")
        uuid = await made.run(alice, body)

        async def is_starting() -> bool:
            return made.is_marked(uuid, "start")

        async def is_running() -> bool:
            return (await made.session(alice, uuid)).phase is SessionPhase.RUNNING

        await until(is_starting)
        await change(made, alice, uuid, IntegerUpdate(DURATION, 30, "min"))
        made.unmark(uuid, "start")
        await until(is_running)
        await made.later(minutes=20)
        assert await is_running()
        await made.later(minutes=11)
        assert (await made.ended(alice, uuid)).phase is SessionPhase.FAILED


async def test_what_is_over_cannot_be_prolonged(tmp_path: Path) -> None:
    body = request(duration="PT10M", script={"run": "forever"})
    async with broker(tmp_path, negotiation=ONE) as made:
        alice = await made.caller("alice")
        async with working(made):
            uuid = await made.run(alice, body)

            async def is_running() -> bool:
                return (await made.session(alice, uuid)).phase is SessionPhase.RUNNING

            await until(is_running)
        made.shift(timedelta(minutes=10))
        assert integers(await made.session(alice, uuid)) == {}
        with pytest.raises(Conflict, match="cannot be changed at schedule"):
            await change(made, alice, uuid, DeltaUpdate(DURATION, 1, "h"))
        async with working(made):
            assert (await made.ended(alice, uuid)).phase is SessionPhase.FAILED


async def test_a_session_cannot_take_what_somebody_else_has_booked(tmp_path: Path) -> None:
    platforms = {"here": {"plugin": "scripted", "cores": 1}}
    async with broker(tmp_path, negotiation=ONE, platforms=platforms) as made:
        alice, bob = await made.caller("alice"), await made.caller("bob")
        mine = await made.run(alice, request(duration="PT1H"))
        theirs = await made.run(bob, request(duration="PT1H"))
        with pytest.raises(Conflict, match="no room"):
            await change(made, alice, mine, DeltaUpdate(DURATION, 1, "h"))
        await change(made, alice, mine, DeltaUpdate(DURATION, -30, "min"))
        await change(made, bob, theirs, DeltaUpdate(DURATION, 30, "min"))
        found = await auditing.audit(made.database)
        assert found.findings == ()


async def test_the_platform_says_what_of_a_session_can_be_changed(tmp_path: Path) -> None:
    platforms = {"here": {"plugin": "scripted", "changeable": ["duration"]}}
    async with broker(tmp_path, platforms=platforms) as made:
        alice = await made.caller("alice")
        uuid = await made.run(alice, request())
        session = await made.session(alice, uuid)
        assert set(integers(session)) == {DURATION}
        with pytest.raises(Conflict, match=r"compute\.cores") as refused:
            await change(made, alice, uuid, IntegerUpdate("compute.cores", 2))
        assert DURATION in refused.value.remedy
        assert "CANCELLED" in refused.value.remedy


async def test_names_and_descriptions_are_the_owners(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        alice, bob = await made.caller("alice"), await made.caller("bob")
        uuid = await made.run(alice, request())
        await change(made, alice, uuid, StringUpdate("meta.name", "polar motion"))
        session = await change(made, alice, uuid, StringUpdate("/meta/description", ""))
        assert session.meta is not None
        assert (session.meta.name, session.meta.description) == ("polar motion", "")
        for text in ("x" * 256, "line\nbreak"):
            with pytest.raises(Conflict):
                await change(made, alice, uuid, StringUpdate("meta.name", text))
        seen = await made.session(bob, uuid)
        assert seen.meta is not None
        assert seen.meta.name == "polar motion"
        assert seen.meta.options == ()


async def test_options_are_exactly_what_is_possible(tmp_path: Path) -> None:
    """Every bound that is listed can be had alone; one beyond it, and what is not listed, not."""
    async with broker(tmp_path, negotiation=ONE) as made:
        alice = await made.caller("alice")
        uuid = uuid_of((await made.ask(alice, request(duration="PT1H"))).offers[0])
        for path, (least, most) in integers(await made.session(alice, uuid)).items():
            assert least is not None
            assert most is not None
            for number in (most, least) if path != DURATION else (60,):
                await change(made, alice, uuid, IntegerUpdate(path, number))
            for number in (most + 1, least - 1):
                with pytest.raises(Conflict):
                    await change(made, alice, uuid, IntegerUpdate(path, number))
        session = await made.set_phase(alice, uuid, "CANCELLED")
        assert session.meta is not None
        assert session.meta.options == ()
        for update in (StringUpdate("meta.name", "x"), IntegerUpdate("compute.cores", 1)):
            with pytest.raises(Conflict, match="CANCELLED"):
                await change(made, alice, uuid, update)


def kinds_of(session: ExecutionSession) -> list[Any]:
    assert session.meta is not None
    return [type(one) for one in session.meta.options]


async def test_expiry_takes_all_options_away(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        alice = await made.caller("alice")
        uuid = uuid_of((await made.ask(alice, request())).offers[0])
        kinds = kinds_of(await made.session(alice, uuid))
        assert kinds.count(IntegerOption) == kinds.count(DeltaOption) == 3
        assert kinds.count(StringOption) == 2
        made.shift(timedelta(minutes=6))
        assert kinds_of(await made.session(alice, uuid)) == []
        with pytest.raises(Conflict, match="EXPIRED"):
            await change(made, alice, uuid, IntegerUpdate("compute.cores", 2))


@pytest.mark.parametrize(
    "flavours", [[], [{"name": "small", "cores": 1, "memory": 4}]], ids=["any size", "fixed sizes"]
)
async def test_a_simulated_session_that_runs_gets_more(
    tmp_path: Path, flavours: list[dict[str, Any]]
) -> None:
    """Of a fixed size, more time alone."""
    there = {"plugin": "simulated", "takes": "everything", "run": 3600, "flavours": flavours}
    async with broker(tmp_path, negotiation=ONE, platforms={"there": there}) as made, working(made):
        alice = await made.caller("alice")
        uuid = await made.run(alice, request(duration="PT1H"))

        async def is_running() -> bool:
            return (await made.session(alice, uuid)).phase is SessionPhase.RUNNING

        await until(is_running)
        longer = await change(made, alice, uuid, IntegerUpdate(DURATION, 2, "hours"))
        assert longer.schedule is not None
        assert longer.schedule.available is not None
        assert longer.schedule.available.duration == "PT2H"
        assert ("compute.cores" in integers(longer)) is not bool(flavours)
        if not flavours:
            assert (
                size_of(await change(made, alice, uuid, IntegerUpdate("compute.cores", 2)))[0] == 2
            )
