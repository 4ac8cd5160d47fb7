"""Requests under a key: done once, answered as often as asked, on both databases."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from execution_broker.domain.errors import KeyReused, PreconditionFailed
from execution_broker.domain.once import Once
from execution_broker.models.phases import SessionPhase
from execution_broker.models.reading import read_request
from execution_broker.models.update import EnumUpdate, StringUpdate
from execution_broker.storage.records import Progress
from execution_broker.storage.retention import forget_rest
from execution_broker.storage.sessions import save_progress
from tests.harness.asking import request, uuid_of
from tests.harness.broker import Broker, broker

ONCE = Once("key", "digest")
READING = read_request(request(cores=1))
TOO_LARGE = read_request(request(cores=10_000))


async def _count(made: Broker, table: str) -> int:
    return int((await made.rows(f"SELECT count(*) FROM {table}"))[0][0])


async def test_a_repeated_request_gets_the_same_offers(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        caller = await made.caller("ada")
        first = await made.services.offers.request(caller, READING, ONCE)
        again = await made.services.offers.request(caller, READING, ONCE)
        assert again == first
        assert await _count(made, "offerset") == 1
        other = await made.services.offers.request(caller, READING, Once("other", "digest"))
        bob = await made.services.offers.request(await made.caller("bob"), READING, ONCE)
        assert len({str(one.meta) for one in (first, other, bob)}) == 3


async def test_a_key_stands_for_one_request(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        caller = await made.caller("ada")
        await made.services.offers.request(caller, READING, ONCE)
        with pytest.raises(KeyReused):
            await made.services.offers.request(caller, READING, Once("key", "another"))
        assert await _count(made, "offerset") == 1


async def test_of_many_at_once_one_is_done(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        caller = await made.caller("ada")
        requests = (made.services.offers.request(caller, READING, ONCE) for _ in range(12))
        answers = await asyncio.gather(*requests)
        assert all(answer == answers[0] for answer in answers)
        assert await _count(made, "offerset") == 1


async def test_direct_execution_happens_once(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        caller = await made.caller("ada")
        direct = made.services.sessions.direct
        sessions = await asyncio.gather(*(direct(caller, READING, ONCE) for _ in range(6)))
        assert {session.phase for session in sessions} == {SessionPhase.ACCEPTED}
        assert len({uuid_of(session) for session in sessions}) == 1
        assert await _count(made, "session") == 1


async def test_a_refusal_is_repeated_as_it_was(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        caller = await made.caller("ada")
        direct = made.services.sessions.direct
        first, *others = await asyncio.gather(*(direct(caller, TOO_LARGE, ONCE) for _ in range(4)))
        assert first.phase is SessionPhase.FAILED
        assert others == [first] * 3
        await made.later(seconds=60)
        assert await direct(caller, TOO_LARGE, ONCE) == first


async def test_keys_are_forgotten_with_the_rest(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        caller = await made.caller("ada")
        await made.services.offers.request(caller, READING, ONCE)

        async def forget(connection: Any) -> None:
            await forget_rest(connection, await connection.clock(), 10)

        await made.later(seconds=1)
        await made.database.write(forget)
        assert await _count(made, "repetition") == 0
        await made.services.offers.request(caller, READING, Once("key", "another"))


async def test_an_update_may_depend_on_what_was_seen(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        caller = await made.caller("ada")
        offers = (await made.ask(caller, request())).offers
        sessions = made.services.sessions
        uuid = UUID(uuid_of(offers[0]))
        seen = await sessions.read(uuid, caller)
        accept = EnumUpdate(path="phase", value="ACCEPTED")
        with pytest.raises(PreconditionFailed):
            await sessions.update(uuid, caller, accept, {"another"})
        assert (await sessions.read(uuid, caller)).etag == seen.etag
        after = await sessions.update(uuid, caller, accept, {"another", seen.etag})
        assert after.session.phase is SessionPhase.ACCEPTED
        cancel = EnumUpdate(path="phase", value="CANCELLED")
        with pytest.raises(PreconditionFailed):
            await sessions.update(uuid, caller, cancel, {seen.etag})


async def test_progress_made_meanwhile_is_no_reason_to_refuse(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        caller = await made.caller("ada")
        sessions = made.services.sessions
        uuid = UUID(await made.run(caller, request()))
        seen = await sessions.read(uuid, caller)
        ((key,),) = await made.rows("SELECT id FROM session WHERE uuid = ?", str(uuid))
        progress = Progress(done=7, total=10, units="bytes")
        await made.database.write(lambda c: save_progress(c, key, "data/0", progress))
        after = await sessions.read(uuid, caller)
        assert after.etag != seen.etag, "who polls hears of it"
        rename = StringUpdate(path="meta.name", value="fit")
        renamed = await sessions.update(uuid, caller, rename, {seen.etag})
        assert renamed.session.meta is not None
        assert renamed.session.meta.name == "fit"
        with pytest.raises(PreconditionFailed):
            await sessions.update(uuid, caller, rename, {seen.etag})


async def test_of_updates_that_depend_on_the_same_one_happens(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        caller = await made.caller("ada")
        uuid = await made.run(caller, request())
        sessions = made.services.sessions
        seen = await sessions.read(UUID(uuid), caller)
        cancel = EnumUpdate(path="phase", value="CANCELLED")
        updates = (sessions.update(UUID(uuid), caller, cancel, {seen.etag}) for _ in range(4))
        done = await asyncio.gather(*updates, return_exceptions=True)
        assert sum(isinstance(one, PreconditionFailed) for one in done) == 3
