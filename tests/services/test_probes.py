"""What negotiation does not know is looked up by a worker, or assumed and said so (N2)."""

from pathlib import Path
from typing import Any

from execution_broker.models.execution import OfferSetResponse
from tests.harness.asking import request
from tests.harness.broker import broker, working


def unknown_size(location: Path) -> dict[str, Any]:
    body = request()
    body["data"][0] = {**body["data"][0], "location": location.as_uri()}
    del body["data"][0]["checks"]
    return body


def kinds_of(answer: OfferSetResponse) -> list[str]:
    told = [answer.meta, *(offer.meta for offer in answer.offers)]
    return [m.kind.rsplit(":", 1)[-1] for meta in told if meta for m in meta.messages]


async def test_without_a_worker_the_size_is_assumed_and_it_says_so(tmp_path: Path) -> None:
    settings = {"negotiation": {"probe_wait": 0.1}}
    async with broker(tmp_path, **settings) as made:
        alice = await made.caller("alice")
        answer = await made.ask(alice, unknown_size(tmp_path / "x"))
        assert answer.result == "YES"
        assert "size-assumed" in kinds_of(answer)


async def test_a_worker_looks_it_up_in_time(tmp_path: Path) -> None:
    roots = {"file": {"roots": [str(tmp_path)]}}
    async with broker(tmp_path, transfers=roots) as made, working(made):
        (tmp_path / "series.dat").write_bytes(b"x" * 1000)
        alice = await made.caller("alice")
        answer = await made.ask(alice, unknown_size(tmp_path / "series.dat"))
        assert answer.result == "YES"
        assert "size-assumed" not in kinds_of(answer)
        again = await made.ask(alice, unknown_size(tmp_path / "series.dat"))
        assert again.result == "YES"
        assert await made.rows("SELECT count(*) FROM step WHERE kind LIKE '%:probe'") == [(1,)]


async def test_what_cannot_be_read_is_a_no_until_it_can(tmp_path: Path) -> None:
    roots = {"file": {"roots": [str(tmp_path)]}}
    async with broker(tmp_path, transfers=roots) as made, working(made):
        alice = await made.caller("alice")
        missing = tmp_path / "missing.dat"
        refused = await made.ask(alice, unknown_size(missing))
        assert refused.result == "NO"
        assert "unreachable" in kinds_of(refused)
        missing.write_bytes(b"here now")
        await made.later(seconds=6)
        assert (await made.ask(alice, unknown_size(missing))).result == "YES"
