"""How much one identity may hold in unanswered offers, and how often it may ask (B8)."""

import asyncio
from pathlib import Path
from uuid import UUID

import pytest

from execution_broker.domain.errors import Conflict, TooMany
from execution_broker.models.phases import SessionPhase
from execution_broker.models.reading import read_request
from execution_broker.models.resources import Range
from execution_broker.models.update import IntegerUpdate
from tests.harness.asking import request, uuid_of
from tests.harness.broker import broker


async def test_a_budget_of_held_capacity_is_enforced(tmp_path: Path) -> None:
    async with broker(tmp_path, negotiation={"budget": {"cores": 2}, "offers": 1}) as made:
        alice, bob = await made.caller("alice"), await made.caller("bob")
        assert (await made.ask(alice, request())).result == "YES"
        assert (await made.ask(alice, request())).result == "YES"
        refused = await made.ask(alice, request())
        assert refused.result == "NO"
        assert refused.meta is not None
        assert refused.meta.messages[0].kind.endswith("budget-used")
        assert (await made.ask(bob, request())).result == "YES"


async def test_what_has_expired_counts_against_no_budget(tmp_path: Path) -> None:
    """Whether or not a sweep has been there."""
    async with broker(tmp_path, negotiation={"budget": {"cores": 1}, "offers": 1}) as made:
        alice = await made.caller("alice")
        assert (await made.ask(alice, request())).result == "YES"
        assert (await made.ask(alice, request())).result == "NO"
        await made.later(minutes=6)
        assert (await made.ask(alice, request())).result == "YES"
        assert await made.rows("SELECT count(*) FROM booking WHERE ended_at IS NOT NULL") == [(0,)]


async def test_a_budget_bounds_what_is_made_larger(tmp_path: Path) -> None:
    negotiation = {"budget": {"cores": 3}, "offers": 1}
    platforms = {"here": {"plugin": "scripted", "cores": 8}}
    async with broker(tmp_path, negotiation=negotiation, platforms=platforms) as made:
        alice = await made.caller("alice")
        uuid = uuid_of((await made.ask(alice, request())).offers[0])
        other = uuid_of((await made.ask(alice, request())).offers[0])

        async def resize(uuid: str, cores: int) -> None:
            update = IntegerUpdate("compute.cores", cores)
            await made.services.sessions.update(UUID(uuid), alice, update)

        await resize(uuid, 2)
        with pytest.raises(Conflict, match="You hold 3 cores in unanswered offers"):
            await resize(other, 2)
        await resize(uuid, 1)
        await resize(other, 2)
        await made.set_phase(alice, uuid, "ACCEPTED")
        with pytest.raises(Conflict, match="You hold 2 cores in unanswered offers"):
            await resize(uuid, 3)
        await resize(uuid, 2)
        session = await made.session(alice, uuid)
        assert session.compute is not None
        assert session.compute.cores == Range(min=2, max=2)


async def test_changes_at_once_share_a_budget(tmp_path: Path) -> None:
    async with broker(tmp_path, negotiation={"budget": {"cores": 3}, "offers": 1}) as made:
        alice = await made.caller("alice")
        offers = [uuid_of((await made.ask(alice, request())).offers[0]) for _ in range(2)]
        update = IntegerUpdate("compute.cores", 2)
        outcomes = await asyncio.gather(
            *(made.services.sessions.update(UUID(uuid), alice, update) for uuid in offers),
            return_exceptions=True,
        )
        assert sum(isinstance(one, Conflict) for one in outcomes) == 1


async def test_requests_at_once_share_a_budget(tmp_path: Path) -> None:
    async with broker(tmp_path, negotiation={"budget": {"cores": 2}, "offers": 1}) as made:
        alice = await made.caller("alice")
        answers = await asyncio.gather(*(made.ask(alice, request()) for _ in range(4)))
        assert sorted(answer.result or "" for answer in answers) == ["NO", "NO", "YES", "YES"]


async def test_what_is_accepted_at_once_needs_no_budget(tmp_path: Path) -> None:
    async with broker(tmp_path, negotiation={"budget": {"cores": 1}, "offers": 1}) as made:
        alice = await made.caller("alice")
        session = await made.services.sessions.direct(alice, read_request(request(cores=2)))
        assert session.phase is SessionPhase.ACCEPTED
        assert (await made.ask(alice, request(cores=1))).result == "YES"


async def test_too_many_requests_are_refused(tmp_path: Path) -> None:
    async with broker(tmp_path, negotiation={"requests_per_minute": 2}) as made:
        alice = await made.caller("alice")
        await made.ask(alice, request())
        await made.ask(alice, request())
        with pytest.raises(TooMany) as refused:
            await made.ask(alice, request())
        assert 1 <= refused.value.retry_after <= 60
