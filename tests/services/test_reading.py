"""What is sent to readers is what is so, whoever changed it, and whoever read it before."""

import asyncio
import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from execution_broker import factory
from execution_broker.domain.errors import Forbidden, NotFound
from execution_broker.domain.identity import Caller, Role
from execution_broker.formats import FORMATS, JSON
from execution_broker.services import Services
from execution_broker.services.booking.calendars import Calendars
from execution_broker.services.booking.rooms import Rooms
from execution_broker.services.reading import KeptAnswers, Readings, ReadSessions
from execution_broker.services.reading.keeping import Key
from execution_broker.services.views import Viewing
from execution_broker.storage.records import Progress
from execution_broker.storage.sessions import save_progress
from tests.harness.asking import request, uuid_of
from tests.harness.broker import ENDS, Broker, broker, working
from tests.harness.keys import ring

VIEWING = Viewing("http://broker.example", public=True, ring=ring())


async def shown(services: Services, uuid: str, caller: Caller | None) -> Any:
    written = await services.sessions.show(UUID(uuid), caller, JSON)
    assert written.body is not None
    return json.loads(written.body)


async def another_process(made: Broker) -> Services:
    instance = await factory.open_instance(made.database, made.settings)
    database = made.open_database()
    return factory.make_services(database, made.settings, instance, "http://broker.example")


async def test_what_another_process_changes_the_next_read_sees(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        alice = await made.caller("alice")
        elsewhere = await another_process(made)
        answer = await made.ask(alice, request())
        assert answer.meta is not None
        offerset, uuid = UUID(answer.meta.uuid), uuid_of(answer.offers[0])
        for phase in ("ACCEPTED", "CANCELLED"):
            await elsewhere.offers.show(offerset, alice, JSON)
            await shown(elsewhere, uuid, alice)
            await made.set_phase(alice, uuid, phase)
            read = await shown(elsewhere, uuid, alice)
            assert read["phase"] == phase
            offers = (await elsewhere.offers.show(offerset, alice, JSON)).body
            assert offers is not None
            assert json.loads(offers)["offers"][0]["phase"] == phase
        before = await elsewhere.sessions.show(UUID(uuid), alice, JSON)
        ((key,),) = await made.rows("SELECT id FROM session WHERE uuid = ?", uuid)
        progress = Progress(7, 10, "bytes")
        await made.database.write(lambda c: save_progress(c, key, "data/0", progress))
        assert (await elsewhere.sessions.show(UUID(uuid), alice, JSON)).etag != before.etag
        await made.rows_changed("DELETE FROM session WHERE uuid = ?", uuid)
        with pytest.raises(NotFound):
            await shown(elsewhere, uuid, alice)


async def test_a_life_is_shown_as_it_is_read(tmp_path: Path) -> None:
    """Between two reads that are the same, what is shown is the same, too: in every format, to
    the owner and to everybody."""
    async with broker(tmp_path) as made, working(made):
        alice = await made.caller("alice")
        uuid = UUID(await made.run(alice, request(duration="PT1S", script={"run": "ok"})))
        compared, phase = 0, None
        deadline = asyncio.get_running_loop().time() + 60
        while phase not in ENDS:
            assert asyncio.get_running_loop().time() < deadline
            for caller in (alice, None):
                for format_ in FORMATS:
                    before = await made.services.sessions.read(uuid, caller)
                    written = await made.services.sessions.show(uuid, caller, format_)
                    after = await made.services.sessions.read(uuid, caller)
                    if before.etag == after.etag:
                        assert written.etag == before.etag
                        compared += 1
                    phase = after.session.phase
            await asyncio.sleep(0.02)
        assert compared
        for format_ in FORMATS:
            read = await made.services.sessions.read(uuid, None)
            written = await made.services.sessions.show(uuid, None, format_)
            if written.etag == read.etag:
                assert written.body == format_.write(read.session)


async def test_an_offer_expires_by_time_alone(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        alice = await made.caller("alice")
        answer = await made.ask(alice, request())
        assert answer.meta is not None
        offerset, uuid = UUID(answer.meta.uuid), uuid_of(answer.offers[0])
        for reader in (alice, None):
            await made.services.offers.show(offerset, reader, JSON)
            assert (await shown(made.services, uuid, reader))["phase"] == "OFFERED"
        known = {(await made.services.sessions.show(UUID(uuid), alice, JSON)).etag}
        made.shift(timedelta(minutes=10))
        for reader in (alice, None):
            read = await shown(made.services, uuid, reader)
            assert read["phase"] == "EXPIRED"
            assert "expires" not in read
            body = (await made.services.offers.show(offerset, reader, JSON)).body
            assert body is not None
            assert {one["phase"] for one in json.loads(body)["offers"]} == {"EXPIRED"}
        expired = await made.services.sessions.show(UUID(uuid), alice, JSON, known.__contains__)
        assert expired.body is not None


async def test_nobody_gets_what_was_written_for_another(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        alice, bob = await made.caller("alice"), await made.caller("bob")
        root = await made.caller("root", Role.ADMINISTRATOR)
        uuid = uuid_of((await made.ask(alice, request())).offers[0])
        for _ in range(2):
            mine = await shown(made.services, uuid, alice)
            assert mine["meta"]["options"]
            assert await shown(made.services, uuid, root) == mine
            theirs = await shown(made.services, uuid, bob)
            assert "options" not in theirs["meta"]
            assert await shown(made.services, uuid, None) == theirs
        etag = (await made.services.sessions.show(UUID(uuid), alice, JSON)).etag
        stranger = await made.services.sessions.show(UUID(uuid), bob, JSON, {etag}.__contains__)
        assert stranger.body is not None


async def test_what_is_closed_stays_closed_though_it_is_kept(tmp_path: Path) -> None:
    async with broker(tmp_path, http={"public_reading": False}) as made:
        alice, bob = await made.caller("alice"), await made.caller("bob")
        answer = await made.ask(alice, request())
        assert answer.meta is not None
        offerset, uuid = UUID(answer.meta.uuid), uuid_of(answer.offers[0])
        await shown(made.services, uuid, alice)
        await made.services.offers.show(offerset, alice, JSON)
        for reader in (bob, None):
            with pytest.raises(Forbidden):
                await shown(made.services, uuid, reader)
            with pytest.raises(Forbidden):
                await made.services.offers.show(offerset, reader, JSON)
        for wrong in (offerset, uuid4()):
            with pytest.raises(NotFound):
                await made.services.sessions.show(wrong, alice, JSON)


async def test_bounds_are_no_older_than_a_moment(tmp_path: Path) -> None:
    platforms = {"here": {"plugin": "scripted", "cores": 8, "memory": 16}}
    async with broker(tmp_path, platforms=platforms, negotiation={"offers": 1}) as made:
        alice, bob = await made.caller("alice"), await made.caller("bob")
        uuid = uuid_of((await made.ask(alice, request())).offers[0])

        async def most() -> int:
            options = (await shown(made.services, uuid, alice))["meta"]["options"]
            (found,) = (
                one["max"]
                for one in options
                if one["path"] == "compute.cores" and "value" in one["kind"]
            )
            return int(found)

        assert await most() == 8
        await made.run(bob, request(cores=5))
        made.shift(timedelta(seconds=1))
        assert await most() == 3


class Counted(ReadSessions):
    """Counts its statements, and what was written."""

    def __init__(self, made: Broker) -> None:
        super().__init__(made.database, Rooms(made.database, Calendars()), VIEWING)
        self.looks = 0
        self.written = 0

    async def sights(self, uuids: Sequence[UUID]) -> Any:
        self.looks += 1
        return await super().sights(uuids)

    async def write(self, keys: Sequence[Key]) -> Any:
        self.written += len(keys)
        return await super().write(keys)


async def test_many_readers_are_few_statements(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        alice = await made.caller("alice")
        uuids = [UUID(await made.run(alice, request())) for _ in range(3)]
        counted = Counted(made)
        readings = Readings(counted, KeptAnswers(1 << 20), VIEWING)

        async def ask(times: int) -> set[tuple[str, bytes | None]]:
            asked = (readings.show(uuid, None, JSON, lambda _: False) for uuid in uuids * times)
            return set(await asyncio.gather(*asked))

        assert len(await ask(20)) == 3
        assert (counted.looks, counted.written) == (1, 3)
        assert len(await ask(20)) == 3
        assert (counted.looks, counted.written) == (2, 3), "nothing has changed"
        await made.set_phase(alice, str(uuids[0]), "CANCELLED")
        await ask(20)
        assert (counted.looks, counted.written) == (3, 4)


async def test_what_is_kept_is_bounded_in_bytes(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        alice = await made.caller("alice")
        uuids = [UUID(await made.run(alice, request())) for _ in range(4)]
        counted = Counted(made)
        sizes = []
        kept = KeptAnswers(12_000)
        readings = Readings(counted, kept, VIEWING)
        for uuid in (*uuids, *uuids):
            body = (await readings.show(uuid, None, JSON, lambda _: False)).body
            assert body is not None
            sizes.append(len(body))
            assert kept.size <= 12_000
        assert sum(sizes[:4]) > 12_000, "they do not fit together"
        assert counted.written > 4
        assert kept.size >= min(sizes)
        nothing = Readings(counted, KeptAnswers(10), VIEWING)
        for _ in range(2):
            assert (await nothing.show(uuids[0], None, JSON, lambda _: False)).body
