"""What users send to the broker itself: whose it is, how much it may be, how long it is kept."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from execution_broker.domain.errors import (
    BodyTooLarge,
    InvalidParameter,
    NotFound,
    Permanent,
    TooMany,
)
from execution_broker.domain.identity import Caller
from execution_broker.domain.plan import StepKind
from execution_broker.domain.uploads import CHUNK
from execution_broker.models.executable import Checks
from execution_broker.models.extensions import Upload
from execution_broker.ports.data import Access, Present, Source, Staged
from execution_broker.steps.staging import Staging
from tests.harness.asking import request
from tests.harness.broker import Broker, Replica, broker, working
from tests.harness.waiting import until

CONTENT = bytes(range(256)) * (CHUNK // 128) + b"and a bit more than two chunks"


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def send(
    made: Replica, caller: Caller, content: bytes = CONTENT, name: str = "series.dat"
) -> Upload:
    parts = [content[at : at + 100_000] for at in range(0, len(content), 100_000)]
    return await made.services.uploads.store(caller, name, len(content), None, pieces(*parts))


def using(upload: Upload, **more: Any) -> dict[str, Any]:
    body = request(**more)
    body["data"][0]["location"] = upload.location
    del body["data"][0]["checks"]
    return body


async def rows(made: Replica) -> list[tuple[Any, ...]]:
    return await made.rows(
        "SELECT (SELECT count(*) FROM upload), (SELECT count(*) FROM upload_chunk)"
    )


async def test_an_upload_is_staged_like_any_other_source(tmp_path: Path) -> None:
    async with broker(tmp_path) as made, working(made):
        ada = await made.caller("ada")
        upload = await send(made, ada)
        assert upload.sha256 == hashlib.sha256(CONTENT).hexdigest()
        assert upload.size == len(CONTENT)
        answer = await made.ask(ada, using(upload))
        assert answer.result == "YES", answer
        staged = await _staged(made, upload)
    assert staged == CONTENT


async def test_what_somebody_has_uploaded_is_not_for_everybody_who_knows_its_checksum(
    tmp_path: Path,
) -> None:
    content, lies = b"of ada alone", b"of somebody"
    (tmp_path / "lies").write_bytes(lies)
    roots = {"file": {"roots": [str(tmp_path)]}}
    async with broker(tmp_path, transfers=roots) as made:
        upload = await send(made, await made.caller("ada"), content)
        stage = Staging(made.work.outside.transfers, tmp_path / "cache", reserve=0)

        async def put(location: str, name: str, checks: Checks) -> Staged:
            return await stage.put(
                Source(location, "x", checks),
                tmp_path / name / "x",
                present=Present.REFUSE,
                access=Access.READ_ONLY,
                progress=lambda *_: None,
            )

        known = Checks(sha256=upload.sha256)
        assert not (await put(upload.location, "first", known)).reused
        assert (await put(upload.location, "second", known)).reused
        assert stage.cached() == frozenset()
        with pytest.raises(Permanent, match="expected sha256"):
            await put((tmp_path / "lies").as_uri(), "third", known)


async def test_what_is_somebody_elses_is_a_no_that_says_so(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        ada, bob = await made.caller("ada"), await made.caller("bob")
        upload = await send(made, ada)
        for body in (using(upload), _unknown(using(upload))):
            refused = await made.ask(bob, body)
            assert refused.result == "NO"
            assert refused.meta is not None
            (message,) = refused.meta.messages
            assert message.values["path"] == "data[0]"
            assert "upload it again" in str(message.message)
        with pytest.raises(NotFound):
            await made.services.uploads.remove(bob, UUID(upload.uuid))
        assert (await made.services.uploads.list(bob)).uploads == ()
        assert (await made.services.uploads.list(ada)).uploads == (upload,)


async def test_the_same_content_under_the_same_name_is_the_same_upload(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        ada = await made.caller("ada")
        first = await send(made, ada)
        await made.later(hours=2)
        again = await send(made, ada)
        assert (again.uuid, again.sha256) == (first.uuid, first.sha256)
        assert again.expires > first.expires
        other = await send(made, ada, name="other.dat")
        assert other.uuid != first.uuid
        assert await rows(made) == [(2, 6)]


@pytest.mark.parametrize("announced", [len(CONTENT) - 1, len(CONTENT) + 1])
async def test_nothing_is_left_of_what_is_not_as_announced(tmp_path: Path, announced: int) -> None:
    async with broker(tmp_path) as made:
        ada = await made.caller("ada")
        store = made.services.uploads.store
        with pytest.raises(InvalidParameter, match="announced"):
            await store(ada, "x", announced, None, pieces(CONTENT))
        with pytest.raises(InvalidParameter, match="sha256"):
            await store(ada, "x", len(CONTENT), "0" * 64, pieces(CONTENT))
        assert await rows(made) == [(0, 0)]


async def test_one_identity_can_send_so_much_and_then_gives_some_back(tmp_path: Path) -> None:
    sections = {"uploads": {"limit": 3, "budget": 5}}
    async with broker(tmp_path, **sections) as made:
        ada, bob = await made.caller("ada"), await made.caller("bob")
        with pytest.raises(BodyTooLarge):
            await send(made, ada, b"x" * (4 << 20))
        first = await send(made, ada)
        await send(made, ada, name="second")
        with pytest.raises(TooMany) as refused:
            await send(made, ada, name="third")
        assert 0 < refused.value.retry_after <= 86400
        await send(made, bob)
        await made.services.uploads.remove(ada, UUID(first.uuid))
        await send(made, ada, name="third")


async def test_it_is_kept_until_it_expires_or_a_session_has_used_it(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        ada = await made.caller("ada")
        forgotten = await send(made, ada, b"nobody asks for this", name="forgotten")
        used = await send(made, ada)
        await made.later(hours=23)
        answer = await made.ask(ada, using(used))
        assert answer.result == "YES"
        await made.later(hours=2)
        assert [one.uuid for one in (await made.services.uploads.list(ada)).uploads] == [used.uuid]
        assert (await made.ask(ada, using(forgotten))).result == "NO"
        async with working(made):
            await _purge(made)

            async def is_purged() -> bool:
                return await rows(made) == [(1, 3)]

            await until(is_purged)


async def _purge(made: Broker) -> None:
    await made.rows_changed(
        "UPDATE step SET due_at = created_at, free_at = created_at WHERE kind = ?",
        StepKind.PURGE.value,
    )


def _unknown(body: dict[str, Any]) -> dict[str, Any]:
    body["data"][0]["location"] = "upload:/not-a-uuid/series.dat"
    return body


async def _staged(made: Broker, upload: Upload) -> bytes:
    transfer = made.work.outside.transfers["upload"]
    source = Source(upload.location, "series.dat")
    assert (await transfer.look(source)).size == upload.size
    parts = [part async for part in transfer.read(source)]
    return b"".join(part for part in parts if isinstance(part, bytes))
