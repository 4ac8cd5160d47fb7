"""Offers hold: negotiation and booking through the services, on one scarce platform."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from execution_broker.domain.errors import Conflict, Forbidden
from execution_broker.domain.identity import Caller
from execution_broker.domain.iso8601 import write_interval
from execution_broker.domain.spans import NoTracer
from execution_broker.models.phases import SessionPhase
from execution_broker.models.reading import read_request
from execution_broker.services.sessions import SessionsService
from tests.harness.asking import first_start, request, starts, uuid_of
from tests.harness.broker import Broker, broker, working
from tests.harness.waiting import until

SCARCE = {"here": {"plugin": "scripted", "cores": 1}}


async def test_a_second_client_gets_later_starts_and_after_expiry_the_same(tmp_path: Path) -> None:
    async with broker(tmp_path, platforms=SCARCE, negotiation={"offers": 1}) as made:
        alice, bob = await made.caller("alice"), await made.caller("bob")
        first = await made.ask(alice, request(duration="PT1H"))
        second = await made.ask(bob, request(duration="PT1H"))
        assert first.result == second.result == "YES"
        assert first_start(second) >= first_start(first) + timedelta(hours=1)
        await made.later(minutes=6)
        third = await made.ask(bob, request(duration="PT1H"))
        assert first_start(third) < first_start(second)


async def test_no_room_in_the_window_is_a_no_until_the_hold_expires(tmp_path: Path) -> None:
    async with broker(tmp_path, platforms=SCARCE) as made:
        alice, bob = await made.caller("alice"), await made.caller("bob")
        now = datetime.now(UTC).replace(microsecond=0)
        window = write_interval(now, now + timedelta(minutes=30))
        body = request(duration="PT1H", start=window)
        assert (await made.ask(alice, body)).result == "YES"
        refused = await made.ask(bob, body)
        assert refused.result == "NO"
        assert refused.meta is not None
        messages = refused.meta.messages
        message = next(one for one in messages if one.kind.endswith("no-capacity"))
        assert message.values["path"].startswith("schedule.requested.start")
        relaxed = request(duration="PT1H", start=message.values["to"])
        assert (await made.ask(bob, relaxed)).result == "YES"
        await made.later(minutes=6)
        assert (await made.ask(bob, body)).result == "YES"


async def test_of_many_who_want_the_last_room_at_once_each_other_is_told_when_there_is_more(
    tmp_path: Path,
) -> None:
    async with broker(tmp_path, platforms=SCARCE) as made:
        callers = [await made.caller(f"user-{number}") for number in range(6)]
        now = datetime.now(UTC).replace(microsecond=0)
        body = request(duration="PT1H", start=write_interval(now, now + timedelta(minutes=30)))
        answers = await asyncio.gather(*(made.ask(one, body) for one in callers))
        assert sorted(answer.result or "" for answer in answers) == ["NO"] * 5 + ["YES"]
        for answer in answers:
            if answer.result == "NO":
                assert answer.meta is not None
                messages = answer.meta.messages
                message = next(one for one in messages if one.kind.endswith("no-capacity"))
                assert message.values["path"].startswith("schedule.requested.start")


async def test_an_expired_offer_cannot_be_accepted_and_reads_the_same_swept_or_not(
    tmp_path: Path,
) -> None:
    async with broker(tmp_path) as made:
        alice = await made.caller("alice")
        offer = uuid_of((await made.ask(alice, request())).offers[0])
        await made.later(minutes=6)
        before = await made.services.sessions.read(UUID(offer), alice)
        assert before.session.phase is SessionPhase.EXPIRED
        assert before.session.expires is None
        assert before.session.meta is not None
        assert before.session.meta.options == ()
        with pytest.raises(Conflict, match="EXPIRED"):
            await made.set_phase(alice, offer, "ACCEPTED")
        async with working(made):
            await _swept(made, offer)
        after = await made.services.sessions.read(UUID(offer), alice)
        assert after == before


async def test_accepting_lets_the_siblings_go_and_can_be_repeated(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        alice = await made.caller("alice")
        offers = (await made.ask(alice, request())).offers
        assert len(offers) > 1
        chosen, other = uuid_of(offers[0]), uuid_of(offers[1])
        assert (await made.set_phase(alice, chosen, "ACCEPTED")).phase is SessionPhase.ACCEPTED
        assert (await made.set_phase(alice, chosen, "ACCEPTED")).phase is SessionPhase.ACCEPTED
        assert (await made.session(alice, other)).phase is SessionPhase.REJECTED
        with pytest.raises(Conflict, match="REJECTED"):
            await made.set_phase(alice, other, "ACCEPTED")
        held = await made.rows(
            "SELECT count(*) FROM booking WHERE session_id IS NULL AND ended_at IS NULL"
        )
        assert held == [(0,)]


async def test_accepting_what_was_accepted_and_has_ended_changes_nothing(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        alice = await made.caller("alice")
        chosen = await made.run(alice, request())
        await made.set_phase(alice, chosen, "CANCELLED")
        assert (await made.set_phase(alice, chosen, "ACCEPTED")).phase is SessionPhase.CANCELLED


async def test_rejecting_one_offer_holds_only_what_the_others_need(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        alice = await made.caller("alice")
        offers = [uuid_of(offer) for offer in (await made.ask(alice, request())).offers]
        sizes: list[int] = []
        for offer in offers:
            rows = await made.rows(
                "SELECT sum(amount * (end_second - start_second)) FROM booking "
                "WHERE amount_name = 'cores' AND ended_at IS NULL"
            )
            sizes.append(rows[0][0])
            await made.set_phase(alice, offer, "REJECTED")
        assert sizes == sorted(sizes, reverse=True)
        assert sizes[-1] < sizes[0]
        live = await made.rows("SELECT count(*) FROM booking WHERE ended_at IS NULL")
        assert live == [(0,)]


async def test_a_window_never_yields_a_start_outside_it(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        alice = await made.caller("alice")
        now = datetime.now(UTC).replace(microsecond=0)
        for hours in (0, 3):
            start = now + timedelta(hours=hours)
            end = start + timedelta(hours=1)
            body = request(start=write_interval(start, end), duration="PT10M")
            offers = (await made.ask(alice, body)).offers
            assert offers
            for offer in offers:
                first, last = starts(offer)
                assert start <= first < last <= end
            chosen = await made.set_phase(alice, uuid_of(offers[-1]), "ACCEPTED")
            first, last = starts(chosen)
            assert start <= first < end
            assert last - first == timedelta(seconds=1)


async def test_only_the_owner_may_accept(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        alice, bob = await made.caller("alice"), await made.caller("bob")
        offer = uuid_of((await made.ask(alice, request())).offers[0])
        with pytest.raises(Forbidden):
            await made.set_phase(bob, offer, "ACCEPTED")
        assert (await made.session(bob, offer)).phase is SessionPhase.OFFERED


async def test_many_at_once_never_overbook(tmp_path: Path) -> None:
    async with broker(tmp_path, platforms=SCARCE, negotiation={"offers": 2}) as made:
        callers = [await made.caller(f"user{i}") for i in range(6)]
        answers = await asyncio.gather(
            *(made.ask(caller, request(duration="PT1H")) for caller in callers)
        )
        assert all(answer.result == "YES" for answer in answers)
        accepted = await asyncio.gather(
            *(
                made.set_phase(caller, uuid_of(answer.offers[0]), "ACCEPTED")
                for caller, answer in zip(callers, answers, strict=True)
            )
        )
        assert all(session.phase is SessionPhase.ACCEPTED for session in accepted)
        assert await _overbooked(made) == []


async def test_direct_is_accepted_at_once_or_says_why_not(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        alice = await made.caller("alice")
        sessions: SessionsService = made.services.sessions
        session = await sessions.direct(alice, read_request(request()))
        assert session.phase is SessionPhase.ACCEPTED
        refused = await sessions.direct(alice, read_request(request(cores=64)))
        assert refused.phase is SessionPhase.FAILED
        assert refused.meta is not None
        assert refused.meta.uuid is None
        assert refused.meta.messages[0].values["to"] == "4"
        assert await made.rows("SELECT count(*) FROM session") == [(1,)]


async def test_a_cancelled_offer_is_let_go(tmp_path: Path) -> None:
    async with broker(tmp_path, negotiation={"offers": 1}) as made:
        alice = await made.caller("alice")
        offer = uuid_of((await made.ask(alice, request())).offers[0])
        assert (await made.set_phase(alice, offer, "CANCELLED")).phase is SessionPhase.CANCELLED
        live = await made.rows("SELECT count(*) FROM booking WHERE ended_at IS NULL")
        assert live == [(0,)]


async def test_what_was_found_long_before_it_is_decided_is_found_anew(tmp_path: Path) -> None:
    """A start that is promised leaves time to prepare from then on."""

    class Late(NoTracer):
        def current(self) -> None:
            """Asked for when something was found: then the locks are long in coming."""
            made.shift(timedelta(minutes=1))

    async with broker(tmp_path, tracer=Late(), negotiation={"offers": 1}) as made:
        alice = await made.caller("alice")
        asked = datetime.now(UTC)
        assert first_start(await made.ask(alice, request())) >= asked + timedelta(minutes=1)


async def test_who_is_late_for_one_platform_gets_what_is_free_on_another(tmp_path: Path) -> None:
    two = {**SCARCE, "there": SCARCE["here"]}
    async with broker(tmp_path, platforms=two, negotiation={"offers": 1}) as made:
        alice, bob = await made.caller("alice"), await made.caller("bob")
        answers = await asyncio.gather(
            *(made.ask(one, request(duration="PT1H")) for one in (alice, bob))
        )
        first, second = map(first_start, answers)
        assert abs(second - first) < timedelta(minutes=10)


async def test_a_stale_report_makes_no_offers(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        alice = await made.caller("alice")
        made.shift(timedelta(hours=1))
        assert await _why_not(made, alice) == "none has reported lately"
        await made.rows_changed("UPDATE platform SET reported_at = NULL, capability = NULL")
        assert await _why_not(made, alice) == "none has reported yet"


async def _why_not(made: Broker, caller: Caller) -> str:
    refused = await made.ask(caller, request())
    assert refused.result == "NO"
    assert refused.meta is not None
    (only,) = refused.meta.messages
    assert only.kind.endswith("no-platform")
    return only.values["reason"]


async def _swept(made: Broker, offer: str) -> None:
    async def is_stored() -> bool:
        rows = await made.rows("SELECT phase FROM session WHERE uuid = ?", offer)
        return rows == [("EXPIRED",)]

    await until(is_stored)


async def _overbooked(made: Broker) -> list[tuple[object, ...]]:
    """B1 for every pair of decision instant and booked instant (B3), from the rows alone."""
    columns = "amount_name, amount, start_second, end_second, made_at, expires_at, ended_at"
    rows = await made.rows(f"SELECT {columns} FROM booking")
    ((text,),) = await made.rows("SELECT capacity FROM platform")
    capacity = json.loads(text)
    return [
        (name, decided, booked)
        for name in capacity
        for decided in {row[4] for row in rows}
        for booked in {row[2] for row in rows}
        if capacity[name]
        < sum(
            amount
            for its, amount, start, end, at, expires, ended in rows
            if its == name
            and start <= booked < end
            and at <= decided
            and (expires is None or decided < expires)
            and (ended is None or decided < ended)
        )
    ]
