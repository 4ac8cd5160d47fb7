"""What a platform is found to take is what later offers reckon with (N4)."""

from pathlib import Path

import msgspec

from execution_broker.domain.capability import Capability
from execution_broker.domain.iso8601 import read_duration
from execution_broker.models.execution import ExecutionSession
from tests.harness.asking import request
from tests.harness.broker import Broker, broker, working
from tests.harness.waiting import until

ENOUGH = 5
PROMISED = 600


async def test_offers_follow_what_preparing_has_really_taken(tmp_path: Path) -> None:
    """Compute is far quicker than configured, storage slower: the next offer says so."""
    here = {"plugin": "scripted", "prepare": PROMISED, "cores": 10}
    async with broker(tmp_path, platforms={"here": here}) as made, working(made):
        alice = await made.caller("alice")
        script = {"prepare_storage": "later", "prepare_data": "large", "run": "forever"}
        body = request(script=script, storage=1)
        first = (await made.ask(alice, body)).offers[0]
        assert preparing(first, "compute") == PROMISED
        assert preparing(first, "storage") == 0
        uuids = [await made.run(alice, body) for _ in range(ENOUGH)]
        await until(lambda: has_learned(made))
        for uuid in uuids:
            await made.set_phase(alice, uuid, "CANCELLED")
            await made.ended(alice, uuid)
        await made.report()
        (offer, *_) = (await made.ask(alice, body)).offers
        assert preparing(offer, "compute") < PROMISED / 10
        assert preparing(offer, "storage") >= 1
        (row,) = await made.rows("SELECT capability FROM platform")
        timings = msgspec.json.decode(row[0], type=Capability).timings
        assert 1000 <= timings.throughput < 1 << 40


async def has_learned(made: Broker) -> bool:
    rows = await made.rows("SELECT name, count(*) FROM timing GROUP BY name")
    seen: dict[str, int] = dict(rows)
    return all(seen.get(lesson, 0) >= ENOUGH for lesson in ("compute", "storage", "throughput"))


def preparing(session: ExecutionSession, what: str) -> int:
    """Seconds that the offer reckons with for preparing its compute or its storage."""
    component = session.compute if what == "compute" else session.storage[0]
    assert component is not None
    assert component.schedule is not None
    assert component.schedule.preparing is not None
    text = component.schedule.preparing.duration or "PT0S"
    return 0 if text == "PT0S" else read_duration(text).seconds
