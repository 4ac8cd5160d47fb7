"""Dropped at any point, a step is done again and nothing differs (S1, S2, S11).

Every kind of step is dropped once at each point: after load, after act, inside apply. Its lease
lapses, somebody else claims it, and the session ends as one that nobody disturbed: everything was
made exactly once and is gone, and the events have no gap.
"""

from collections import Counter
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import msgspec
import pytest

from execution_broker.domain.errors import OutsideError
from execution_broker.domain.plan import StepKind
from execution_broker.domain.probing import Question
from execution_broker.models.extensions import SubscriptionRequest
from execution_broker.models.told import Told
from execution_broker.steps.base import Applied, Handler
from execution_broker.storage import steps
from execution_broker.storage.auditing import audit
from execution_broker.storage.batch import Batch
from execution_broker.storage.database import Connection
from execution_broker.storage.records import LeasedStep
from execution_broker.storage.steps import Lease
from execution_broker.worker.carrying import Carrier
from tests.harness.asking import request
from tests.harness.broker import Broker, broker
from tests.harness.databases import another_database
from tests.harness.receiver import Receiver, receiver

LEASE = timedelta(seconds=30)
EARLY = "starts early"
SCRIPTS = {
    "succeeds": {},
    "is stopped by its end": {"run": "forever"},
    "fails": {"run": "fail"},
    EARLY: {},
}
NEVER = {
    "succeeds": {StepKind.END},
    "is stopped by its end": set(),
    "fails": {StepKind.END},
    EARLY: {StepKind.END},
}
SLOW = {"storage": 0, "executable_here": 600, "compute": 0, "release": 1}
"""What preparing is said to take of a session that starts early."""
BOOKED = "SELECT count(*) FROM booking WHERE component = 'compute' AND amount_name = 'cores'"


class Point(Enum):
    LOADED = "after load"
    ACTED = "after act"
    APPLYING = "inside apply"


class Dropped(BaseException):
    """The worker is gone: nothing of ours catches this."""


class Mortal:
    """A handler whose first step at `point` is dropped there."""

    def __init__(self, handler: Handler, point: Point, left: set[StepKind]) -> None:
        self.kind = handler.kind
        self._handler = handler
        self._point = point
        self._left = left

    async def load(self, connection: Batch, step: LeasedStep, now: Any) -> Any:
        return await self._handler.load(connection, step, now)

    async def act(self, loaded: Any) -> Any:
        self._drop(Point.LOADED)
        result = await self._handler.act(loaded)
        self._drop(Point.ACTED)
        return result

    async def apply(
        self, connection: Batch, step: LeasedStep, loaded: Any, result: Any, now: Any
    ) -> Applied:
        applied = await self._handler.apply(connection, step, loaded, result, now)
        self._drop(Point.APPLYING)
        return applied

    async def fail(
        self, connection: Batch, step: LeasedStep, error: OutsideError, now: Any
    ) -> Applied:
        return await self._handler.fail(connection, step, error, now)

    def _drop(self, point: Point) -> None:
        if point is self._point and self.kind in self._left:
            self._left.remove(self.kind)
            raise Dropped


class End(NamedTuple):
    """What is the same however often it was disturbed."""

    phases: list[Any]
    events: Counter[Any]
    steps: list[Any]
    made: list[Any]
    left: list[Any]
    notices: int


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("point", Point)
async def test_dropped_once_in_every_kind_of_step(
    tmp_path: Path, point: Point, script: str
) -> None:
    here = {"plugin": "scripted", **({"timings": SLOW} if script == EARLY else {})}
    sections: dict[str, Any] = {"platforms": {"here": here}}
    sections["notices"] = {"plain_http": True, "allow": ["127.0.0.1"]}
    never = NEVER[script] if point is Point.LOADED else {StepKind.PROBE, *NEVER[script]}
    left = set(StepKind) - never  # nothing answers the probe: it has no result to apply
    async with (
        receiver() as hook,
        another_database(),
        broker(tmp_path / "undisturbed", **sections) as made,
    ):
        undisturbed = await _live(made, hook, script, point, set())
    async with (
        receiver() as hook,
        another_database(),
        broker(tmp_path / "disturbed", **sections) as made,
    ):
        assert await _live(made, hook, script, point, left) == undisturbed
        assert (await audit(made.database)).findings == ()
        if script == EARLY:
            generations = await made.rows(
                BOOKED
            )  # moved early, and later by what the drop has cost
            assert generations in ([(2,)], [(3,)])
    assert left == set()
    assert undisturbed.notices == 1
    assert max(Counter(undisturbed.made).values()) == 1


async def _live(
    made: Broker, hook: Receiver, script: str, point: Point, left: set[StepKind]
) -> End:
    """A session from its request to its release, by one carrier after another."""
    alice = await made.caller(f"alice-{uuid4()}")
    wanted = SubscriptionRequest(way="webhook", address=hook.url, about=(Told.READY,))
    await made.services.subscriptions.add(alice, wanted)
    uuid = await made.run(alice, request(script=SCRIPTS[script], duration="PT10M"))
    await _add_probe(made)
    handlers = {kind: Mortal(one, point, left) for kind, one in made.work.handlers.items()}
    for _ in range(400):
        if not await _carry_one(made, handlers):
            if await _is_over(made, uuid) and not left:
                break
            made.shift(timedelta(seconds=20))
    return await _end(made, uuid, len({told.id for told in hook.received}))


async def _carry_one(made: Broker, handlers: Any) -> bool:
    processor = uuid4()

    async def claim(connection: Connection) -> list[LeasedStep]:
        await connection.clock()
        platforms = list(made.work.platforms)
        lease = Lease(processor, list(StepKind), platforms, 1, LEASE)
        return await steps.claim(connection, lease)

    leased = await made.database.write(claim)
    for step in leased:
        carrier = Carrier(made.database, handlers, made.settings.worker, processor)
        try:
            await carrier.carry(step)
        except Dropped:
            made.shift(LEASE)
    return bool(leased)


async def _is_over(made: Broker, uuid: str) -> bool:
    rows = await made.rows(
        "SELECT count(*) FROM step JOIN session ON session.id = step.session_id "
        "WHERE session.uuid = ? AND step.ended_at IS NULL",
        uuid,
    )
    return rows == [(0,)]


async def _end(made: Broker, uuid: str, notices: int) -> End:
    ((session, phase, counted),) = await made.rows(
        "SELECT id, phase, events FROM session WHERE uuid = ?", uuid
    )
    components = await made.rows(
        "SELECT key, phase FROM component WHERE session_id = ? ORDER BY key", session
    )
    events = await made.rows(
        "SELECT number, type, component, body FROM event WHERE session_id = ? ORDER BY number",
        session,
    )
    born = counted - len(events)  # what an offer is born with has no rows
    assert [event[0] for event in events] == list(range(born + 1, counted + 1))
    told = Counter(tuple(map(str, one[1:])) for one in events if one[1] in _TOLD)
    ended = await made.rows(
        "SELECT key, phase FROM step WHERE session_id = ? ORDER BY key", session
    )
    left = await made.rows(
        "SELECT component FROM booking WHERE session_id = ? AND ended_at IS NULL "
        "AND component <> 'outputs' UNION ALL "
        "SELECT component FROM receipt WHERE session_id = ? AND gone_at IS NULL",
        session,
        session,
    )
    did = [(what, key) for what, of, key in made.creations() if of == uuid]
    assert made.holdings() == []
    return End([phase, *components], told, ended, sorted(did), left, notices)


_TOLD = ("session-phase", "component-phase", "step-end")


async def _add_probe(made: Broker) -> None:
    question = Question(location="http://127.0.0.1:1/nothing")

    async def add(connection: Connection) -> None:
        now = await connection.clock()
        await steps.add_unique(
            connection,
            uuid=uuid4(),
            kind=StepKind.PROBE,
            key="probe:nothing",
            platform=None,
            payload=msgspec.to_builtins(question),
            due=now,
            now=now,
        )

    await made.database.write(add)
