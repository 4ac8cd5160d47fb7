"""A NO names every fault of a request at once, and all its suggestions together are a YES."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from execution_broker.models.execution import OfferSetResponse
from execution_broker.models.message import Message
from tests.domain.builders import follow, storage, volume
from tests.harness.asking import request
from tests.harness.broker import broker

PAST = "2026-01-01T00:00:00Z/2026-01-02T00:00:00Z"
TWO = {
    "big": {"plugin": "scripted", "cores": 8, "storage": 10, "longest": 7200},
    "small": {"plugin": "scripted", "cores": 2, "storage": 5, "longest": 3600},
}


def told(answer: OfferSetResponse) -> list[Message]:
    assert answer.result == "NO"
    assert answer.meta is not None
    return list(answer.meta.messages)


def paths(messages: list[Message]) -> set[str | None]:
    return {message.values.get("path") for message in messages}


def with_parts(body: Mapping[str, Any], **parts: Any) -> dict[str, Any]:
    return {**body, **parts, "compute": {**body["compute"], **parts.get("compute", {})}}


async def test_a_closed_window_hides_nothing_else(tmp_path: Path) -> None:
    platforms = {"here": {"plugin": "scripted", "cores": 8}}
    async with broker(tmp_path, platforms=platforms) as made:
        alice = await made.caller("alice")
        body = request(cores=9, start=PAST)
        faults = told(await made.ask(alice, body))
        assert paths(faults) == {"schedule.requested.start", "compute.cores.min"}
        assert (await made.ask(alice, follow(body, faults))).result == "YES"


async def test_what_is_suggested_for_several_platforms_is_one_way(tmp_path: Path) -> None:
    async with broker(tmp_path, platforms=TWO) as made:
        alice = await made.caller("alice")
        body = request(cores=9, duration="PT3H", start=PAST, storage=20)
        faults = told(await made.ask(alice, body))
        suggested = {m.values["path"]: m.values["to"] for m in faults if "to" in m.values}
        assert len(suggested) == len([m for m in faults if "to" in m.values])
        assert suggested.keys() >= {"schedule.requested.start", "schedule.requested.duration"}
        assert suggested["compute.cores.min"] == "8"
        assert suggested["storage[0].size.min"] == "10"
        assert {m.values.get("platform") for m in faults} >= {"big", "small"}
        better = follow(body, [m for m in faults if "to" in m.values])
        assert (await made.ask(alice, better)).result == "YES"


async def test_a_bad_volume_hides_no_storage_over_its_limit(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        alice = await made.caller("alice")
        body = with_parts(
            request(cores=5),
            storage=[storage("s", size={"min": 101})],
            compute={"volumes": [volume("/a/../b", "s")]},
        )
        faults = told(await made.ask(alice, body))
        assert paths(faults) == {
            "compute.volumes[0].path",
            "compute.cores.min",
            "storage[0].size.min",
        }


async def test_what_cannot_be_read_hides_nothing_else(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        alice = await made.caller("alice")
        body = with_parts(request(cores=5), executable={"kind": "urn:x"})
        faults = told(await made.ask(alice, body))
        assert [m.kind.rpartition(":")[2] for m in faults] == ["unknown-kind", "too-much"]
