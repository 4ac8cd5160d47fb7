"""What unanswered alternatives hold, and who is told of what is only held."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from execution_broker.domain.errors import Conflict
from execution_broker.domain.iso8601 import read_instant, write_interval
from execution_broker.formats import JSON
from execution_broker.models.execution import OfferSetResponse
from execution_broker.models.message import IntegerOption, Message
from execution_broker.models.update import IntegerUpdate
from execution_broker.storage import auditing
from tests.harness.asking import first_start, request, uuid_of
from tests.harness.broker import Broker, broker

TWO = {"here": {"plugin": "scripted", "cores": 2}}
EIGHT = {"here": {"plugin": "scripted", "cores": 8}}
SCARCE = {"here": {"plugin": "scripted", "cores": 1}}


def held(answer: OfferSetResponse) -> list[Message]:
    messages = answer.meta.messages if answer.meta else ()
    return [message for message in messages if message.kind.endswith(":held")]


def name_of(answer: OfferSetResponse) -> str:
    assert answer.meta is not None
    assert answer.meta.uuid is not None
    return answer.meta.uuid


async def most_shared(made: Broker) -> int:
    """The most cores that alternatives hold at any instant, by the rows."""
    rows = await made.rows(
        "SELECT shared_second, end_second, amount FROM booking "
        "WHERE amount_name = 'cores' AND shared_second IS NOT NULL AND ended_at IS NULL"
    )
    return max(
        (sum(n for start, end, n in rows if start <= at < end) for at, _, _ in rows), default=0
    )


async def test_looking_twice_leaves_room_to_look_again(tmp_path: Path) -> None:
    """The first start of each answer is held, and of the other cores nothing for long."""
    async with broker(tmp_path, platforms=TWO) as made:
        alice = await made.caller("alice")
        answers = [await made.ask(alice, request(duration="PT1H")) for _ in range(3)]
        assert [len(answer.offers) for answer in answers][:2] == [4, 1]
        assert first_start(answers[1]) - first_start(answers[0]) < timedelta(minutes=1)
        assert first_start(answers[2]) - first_start(answers[0]) < timedelta(hours=2)
        assert await most_shared(made) == 1


async def test_where_the_share_is_less_than_a_session_only_the_first_is_offered(
    tmp_path: Path,
) -> None:
    async with broker(tmp_path, platforms=SCARCE) as made:
        alice = await made.caller("alice")
        assert len((await made.ask(alice, request())).offers) == 1
    none = {"here": {**EIGHT["here"], "alternatives": 0}}
    async with broker(tmp_path / "none", platforms=none) as made:
        alice = await made.caller("alice")
        assert len((await made.ask(alice, request())).offers) == 1


async def test_however_many_ask_at_once_their_alternatives_hold_no_more_than_the_share(
    tmp_path: Path,
) -> None:
    async with broker(tmp_path, platforms=EIGHT) as made:
        callers = [await made.caller(f"user{number}") for number in range(12)]
        bodies = [request(cores=1 + number % 3, duration="PT1H") for number in range(12)]
        answers = await asyncio.gather(
            *(made.ask(caller, body) for caller, body in zip(callers, bodies, strict=True))
        )
        assert all(answer.result == "YES" for answer in answers)
        assert max(len(answer.offers) for answer in answers) > 1
        assert await most_shared(made) <= 4
        await asyncio.gather(
            *(
                made.set_phase(caller, uuid_of(answer.offers[-1]), phase)
                for caller, answer, phase in zip(
                    callers, answers, ["ACCEPTED", "REJECTED"] * 6, strict=True
                )
            )
        )
        assert await most_shared(made) <= 4
        assert (await auditing.audit(made.database)).findings == ()


async def test_an_alternative_is_made_larger_within_the_share_and_once_accepted_beyond(
    tmp_path: Path,
) -> None:
    async with broker(tmp_path, platforms=EIGHT) as made:
        alice = await made.caller("alice")
        first, second, *_ = (await made.ask(alice, request(cores=2))).offers

        async def resize(uuid: str, cores: int) -> Any:
            update = IntegerUpdate("compute.cores", cores)
            return await made.services.sessions.update(UUID(uuid), alice, update)

        assert (_most_cores(first), _most_cores(second)) == (8, 4)
        read = await made.session(alice, uuid_of(second))
        assert _most_cores(read) == 4
        await resize(uuid_of(first), 7)
        with pytest.raises(Conflict):
            await resize(uuid_of(second), 5)
        await resize(uuid_of(second), 4)
        assert await most_shared(made) == 4
        await made.set_phase(alice, uuid_of(second), "ACCEPTED")
        assert await most_shared(made) == 0
        assert _most_cores(await made.session(alice, uuid_of(second))) == 8
        await resize(uuid_of(second), 8)
        assert (await auditing.audit(made.database)).findings == ()


def _most_cores(session: Any) -> int:
    options = [one for one in session.meta.options if isinstance(one, IntegerOption)]
    (most,) = (one.max for one in options if one.path == "compute.cores")
    assert most is not None
    return most


async def test_of_what_one_holds_oneself_one_is_told_by_name(tmp_path: Path) -> None:
    async with broker(tmp_path, platforms=SCARCE) as made:
        alice, bob = await made.caller("alice"), await made.caller("bob")
        first = await made.ask(alice, request(duration="PT1H"))
        second = await made.ask(alice, request(duration="PT1H"))
        (message,) = held(second)
        assert message.values["offersets"] == name_of(first)
        assert message.values["whose"] == "yours"
        assert read_instant(message.values["start"]) < first_start(second)
        read = await made.services.offers.read(UUID(name_of(second)), alice)
        assert [one.values for one in held(read)] == [message.values]
        for reader in (bob, None):
            read = await made.services.offers.read(UUID(name_of(second)), reader)
            assert held(read) == []
        for answer in (first, second):
            for offer in answer.offers:
                await made.set_phase(alice, uuid_of(offer), "REJECTED")
        third = await made.ask(alice, request(duration="PT1H"))
        assert held(third) == []
        assert first_start(third) < first_start(second)


async def test_of_what_others_hold_one_is_told_until_when(tmp_path: Path) -> None:
    async with broker(tmp_path, platforms=SCARCE) as made:
        alice, bob = await made.caller("alice"), await made.caller("bob")
        theirs = await made.ask(alice, request(duration="PT1H"))
        mine = await made.ask(bob, request(duration="PT1H"))
        (message,) = held(mine)
        assert message.values["whose"] == "others"
        told = str(message.values) + (message.message or "")
        assert not any(one in told for one in (name_of(theirs), "alice", uuid_of(theirs.offers[0])))
        expires = theirs.offers[0].expires
        assert expires is not None
        until = read_instant(message.values["until"])
        assert timedelta() <= until - expires < timedelta(seconds=1)
        await made.later(minutes=6)
        again = await made.ask(bob, request(duration="PT1H"))
        assert first_start(again) < first_start(mine)


async def test_a_no_begins_with_what_is_only_held(tmp_path: Path) -> None:
    async with broker(tmp_path, platforms=SCARCE) as made:
        alice = await made.caller("alice")
        now = await made.database.read(lambda connection: connection.clock())
        window = write_interval(now, now + timedelta(minutes=30))
        first = await made.ask(alice, request(duration="PT1H"))
        refused = await made.ask(alice, request(duration="PT1H", start=window))
        assert refused.result == "NO"
        assert refused.meta is not None
        message, *others = refused.meta.messages
        assert message.values["offersets"] == name_of(first)
        assert {one.kind.rpartition(":")[2] for one in others} == {"no-capacity"}
        uuid = UUID(name_of(refused))
        own, public = [
            await made.services.offers.show(uuid, reader, JSON) for reader in (alice, None)
        ]
        assert name_of(first).encode() in (own.body or b"")
        assert name_of(first).encode() not in (public.body or b"")
        assert own.etag != public.etag, "whoever knows one of them has not seen the other"
        await made.set_phase(alice, uuid_of(first.offers[0]), "REJECTED")
        assert (await made.ask(alice, request(duration="PT1H", start=window))).result == "YES"
