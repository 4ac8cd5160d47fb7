"""What readers see, and what they must not."""

from pathlib import Path
from uuid import UUID

import pytest

from execution_broker.domain.errors import Forbidden, NotFound
from execution_broker.models.phases import SessionPhase
from tests.harness.asking import request, uuid_of
from tests.harness.broker import broker, working


async def test_only_the_owner_sees_results_and_streams(tmp_path: Path) -> None:
    async with broker(tmp_path) as made, working(made):
        alice, bob = await made.caller("alice"), await made.caller("bob")
        uuid = await made.run(alice, request())
        await made.ended(alice, uuid)
        sessions = made.services.sessions
        (only,) = (await sessions.results(UUID(uuid), alice)).results
        assert (only.path, only.size) == ("answer.txt", 3)
        assert only.url == f"/sessions/{uuid}/results/answer.txt"
        kept = await sessions.result(UUID(uuid), "answer.txt", alice)
        assert kept.path.read_text() == "42\n"
        stream = await sessions.stream(UUID(uuid), "stdout", alice)
        assert stream.data == b"hello from the script\n"
        assert stream.total == len(stream.data)
        for refused in (
            sessions.results(UUID(uuid), bob),
            sessions.result(UUID(uuid), "answer.txt", bob),
            sessions.stream(UUID(uuid), "stdout", bob),
        ):
            with pytest.raises(Forbidden):
                await refused


@pytest.mark.parametrize("path", ["../broker.sqlite", "answer.txt/..", "/etc/passwd", "none"])
async def test_only_listed_outputs_can_be_had(tmp_path: Path, path: str) -> None:
    async with broker(tmp_path) as made, working(made):
        alice = await made.caller("alice")
        uuid = await made.run(alice, request())
        await made.ended(alice, uuid)
        with pytest.raises(NotFound):
            await made.services.sessions.result(UUID(uuid), path, alice)


async def test_a_stranger_sees_the_session_but_no_options(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        alice = await made.caller("alice")
        offer = uuid_of((await made.ask(alice, request())).offers[0])
        mine = await made.session(alice, offer)
        public = await made.session(None, offer)
        assert mine.meta is not None
        assert public.meta is not None
        assert mine.meta.options
        assert public.meta.options == ()
        assert public.phase is SessionPhase.OFFERED


async def test_reading_can_be_closed(tmp_path: Path) -> None:
    async with broker(tmp_path, http={"public_reading": False}) as made:
        alice, bob = await made.caller("alice"), await made.caller("bob")
        answer = await made.ask(alice, request())
        assert answer.meta is not None
        assert answer.meta.uuid is not None
        for reader in (None, bob):
            with pytest.raises(Forbidden):
                await made.session(reader, uuid_of(answer.offers[0]))
            with pytest.raises(Forbidden):
                await made.services.offers.read(UUID(answer.meta.uuid), reader)
        assert (await made.session(alice, uuid_of(answer.offers[0]))).phase is SessionPhase.OFFERED


async def test_every_component_has_a_schedule_and_references_are_uuids(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        alice = await made.caller("alice")
        answer = await made.ask(alice, request(storage=2))
        seen: set[str] = set()
        for offer in answer.offers:
            assert offer.schedule is not None
            assert offer.executable is not None
            assert offer.compute is not None
            parts = [offer.executable, offer.compute, *offer.storage, *offer.data]
            assert all(part.schedule is not None for part in parts)
            uuids = {part.meta.uuid for part in parts if part.meta and part.meta.uuid}
            assert len(uuids) == len(parts)
            assert not uuids & seen
            seen |= uuids
            (storage,), (data,) = offer.storage, offer.data
            assert storage.meta is not None
            assert data.meta is not None
            assert data.storage == storage.meta.uuid
            assert storage.data == (data.meta.uuid,)
            assert storage.meta.name == "s"
            assert offer.meta is not None
            assert offer.meta.url == f"http://broker.example/sessions/{offer.meta.uuid}"


async def test_the_tag_changes_with_what_is_seen(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        alice = await made.caller("alice")
        offer = uuid_of((await made.ask(alice, request())).offers[0])
        sessions = made.services.sessions
        first = (await sessions.read(UUID(offer), alice)).etag
        assert (await sessions.read(UUID(offer), alice)).etag == first
        assert (await sessions.read(UUID(offer), None)).etag != first
        await made.set_phase(alice, offer, "ACCEPTED")
        assert (await sessions.read(UUID(offer), alice)).etag != first
