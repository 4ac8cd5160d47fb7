"""Booking against a model that knows only what clients were told.

Sessions follow each other closely, some are late to go, and upkeep goes on.
"""

import asyncio
import tempfile
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from execution_broker.domain.amounts import CORES
from execution_broker.domain.errors import Conflict
from execution_broker.models.execution import ExecutionSession
from execution_broker.models.phases import SessionPhase
from execution_broker.models.update import DeltaUpdate
from execution_broker.steps.upkeep import store_report
from execution_broker.storage import auditing
from execution_broker.storage.database import Connection
from tests.hammer.ending import end
from tests.hammer.hastening import start_early
from tests.hammer.model import RELEASE, Model, Offer
from tests.harness.asking import planned_start, request, starts, uuid_of
from tests.harness.broker import USED, Broker, broker
from tests.harness.databases import DATABASES, SERVERS
from tests.harness.postgres import PostgresServer
from tests.harness.upkeep import BEFORE_START, keep_up, serving

T = TypeVar("T")

CAPACITY = 4
PREPARE = timedelta(seconds=3)
"""For which compute is booked before a session, as usual."""
STILL = timedelta(seconds=30)
"""What is late counts at least for that long."""
_CLOSE = timedelta(seconds=10)
_LENGTHS = {"PT1M": 60, "PT10M": 600, "PT1H": 3600}
_FAR = timedelta(days=7)
_TIMINGS = {"executable_here": 60}  # else the usual ones: much time in which to start early


class Booking(RuleBasedStateMachine):
    """Every example has a database of its own: on `server`, or SQLite where that is None."""

    server: PostgresServer | None = None

    @initialize()
    def begin(self) -> None:
        self.runner = asyncio.Runner()
        USED.url = self.run(self.server.new_database()) if self.server else "sqlite"
        self.stack = AsyncExitStack()
        self.directory = tempfile.TemporaryDirectory()
        self.model = Model()
        self.answers = 0
        platforms = {"here": {"plugin": "scripted", "cores": CAPACITY, "timings": _TIMINGS}}
        made = broker(Path(self.directory.name), platforms=platforms, worker=serving(BEFORE_START))
        self.made: Broker = self.run(self.stack.enter_async_context(made))
        self.alice = self.run(self.made.caller("alice"))

    @rule(cores=st.integers(1, 3), length=st.sampled_from(sorted(_LENGTHS)))
    def make(self, cores: int, length: str) -> None:
        self._make(request(cores=cores, duration=length))

    @precondition(lambda self: self.model.accepted())
    @rule(data=st.data(), length=st.sampled_from(sorted(_LENGTHS)))
    def make_one_that_follows(self, data: st.DataObject, length: str) -> None:
        """On all cores, as soon as another one has gone."""
        other = data.draw(st.sampled_from(self.model.accepted()))
        start = max(other.ends + RELEASE + PREPARE, self.now())
        window = f"{start.replace(microsecond=0).isoformat()}/PT6M"
        self._make(request(cores=CAPACITY, duration=length, start=window))

    @rule(cores=st.integers(1, 3), length=st.sampled_from(sorted(_LENGTHS)), ready=st.booleans())
    def take(self, cores: int, length: str, *, ready: bool) -> None:
        """The first of what is offered."""
        for offer in self._make(request(cores=cores, duration=length))[:1]:
            assert self._told(offer, "ACCEPTED")
            self._accepted(offer)
            if ready:
                self._hasten(offer)

    def _make(self, body: dict[str, Any]) -> list[Offer]:
        """What is offered has room, also beside what is late."""
        now, late = self.now(), self.model.late(self.now())
        answer = self.run(self.made.ask(self.alice, body))
        self.answers += 1
        offers = [self._offered(session, body) for session in answer.offers]
        self.model.offers += offers
        for offer in offers if not self.model.was_cut else ():
            late_then = late if offer.start < now + STILL else 0
            assert self.model.used(offer.start, now) + late_then <= CAPACITY
        return offers

    def _offered(self, session: ExecutionSession, body: dict[str, Any]) -> Offer:
        assert session.expires is not None
        start, latest = _starts(session)
        return Offer(
            uuid_of(session),
            self.answers,
            start,
            latest,
            _LENGTHS[body["schedule"]["requested"]["duration"]],
            body["compute"]["cores"]["min"],
            session.expires,
        )

    @precondition(lambda self: self.model.offers)
    @rule(data=st.data())
    def accept(self, data: st.DataObject) -> None:
        for offer in self._one(data):
            may = offer.is_open(self.now()) or offer.was_accepted()
            assert self._told(offer, "ACCEPTED") == may
            if may and not offer.was_accepted():
                self._accepted(offer)

    def _accepted(self, offer: Offer) -> None:
        offer.phase = SessionPhase.ACCEPTED
        self._moved(offer)
        for other in self.model.offers:
            if other.answer == offer.answer and other.is_open(self.now()):
                other.phase = SessionPhase.REJECTED

    def _moved(self, offer: Offer) -> None:
        session = self.run(self.made.session(self.alice, offer.uuid))
        offer.start, offer.latest = _starts(session)
        offer.earliest, _ = starts(session)

    @precondition(lambda self: self.model.movable())
    @rule(data=st.data())
    def hasten(self, data: st.DataObject) -> None:
        self._hasten(data.draw(st.sampled_from(self.model.movable())))

    def _hasten(self, offer: Offer) -> None:
        """All is ready: it starts, if others leave room for that."""
        before = offer.start
        if self.run(self.made.database.write(partial(start_early, uuid=UUID(offer.uuid)))):
            self._moved(offer)
            assert offer.start < before
            assert offer.latest <= before

    @precondition(lambda self: self.model.offers)
    @rule(data=st.data())
    def reject(self, data: st.DataObject) -> None:
        for offer in self._one(data):
            may = offer.is_open(self.now()) or offer.phase is SessionPhase.REJECTED
            assert self._told(offer, "REJECTED") == may
            if may:
                offer.phase = SessionPhase.REJECTED

    @precondition(lambda self: self.model.accepted())
    @rule(data=st.data())
    def end_early(self, data: st.DataObject) -> None:
        offer = data.draw(st.sampled_from(self.model.accepted()))
        self.run(self.made.database.write(partial(end, uuids=[UUID(offer.uuid)])))
        offer.phase = SessionPhase.CANCELLED

    @precondition(lambda self: self.model.offers)
    @rule(data=st.data(), minutes=st.sampled_from([-5, 5, 60]))
    def extend(self, data: st.DataObject, minutes: int) -> None:
        for offer in self._one(data):
            update = DeltaUpdate("schedule.available.duration", minutes, "min")
            try:
                uuid = UUID(offer.uuid)
                self.run(self.made.services.sessions.update(uuid, self.alice, update))
            except Conflict:
                continue
            assert offer.is_open(self.now()) or offer.phase is SessionPhase.ACCEPTED
            offer.seconds += 60 * minutes

    @rule(cores=st.sampled_from([2, CAPACITY]))
    def cut(self, cores: int) -> None:
        """What is booked stays, so that the model cannot bound it any more."""
        ((key, platform),) = self.made.work.platforms.items()
        reported = self.run(platform.report())
        capacity = {**reported.capacity, CORES: cores}
        report = msgspec.structs.replace(reported, capacity=capacity)

        async def store(connection: Connection) -> None:
            await store_report(connection, key, report)

        self.run(self.made.database.write(store))
        self.model.was_cut |= cores < CAPACITY

    @rule(seconds=st.sampled_from([20, 80, 200, 400]))
    def wait(self, seconds: int) -> None:
        """Upkeep goes on: offers expire, and the platform reports what it had at first."""
        self.made.shift(timedelta(seconds=seconds))
        self.run(keep_up(self.made, BEFORE_START))

    @precondition(lambda self: self.model.accepted())
    @rule(data=st.data(), more=st.sampled_from([0, 11, 90]))
    def go_on_until_one_should_go(self, data: st.DataObject, more: int) -> None:
        """Until the end of its time, or until it is late; and let upkeep run."""
        offer = data.draw(st.sampled_from(self.model.accepted()))
        self.made.shift(max(timedelta(), offer.ends + timedelta(seconds=more) - self.now()))
        self.run(keep_up(self.made, BEFORE_START))

    @rule()
    def ask_for_a_time_that_nobody_needs(self) -> None:
        """Whatever is late, due or cut."""
        start = (self.now() + _FAR).replace(microsecond=0)
        answer = self.run(self.made.ask(self.alice, request(start=f"{start.isoformat()}/PT1H")))
        assert answer.result == "YES"
        for session in answer.offers:
            self.run(self.made.set_phase(self.alice, uuid_of(session), "REJECTED"))

    @invariant()
    def nothing_is_promised_twice(self) -> None:
        if not hasattr(self, "made") or self.model.was_cut:
            return
        now = self.now()
        for instant in {offer.start for offer in self.model.offers}:
            assert self.model.used(instant, now) <= CAPACITY

    def teardown(self) -> None:
        if hasattr(self, "made"):
            found = self.run(auditing.audit(self.made.database))
            assert found.findings == ()
            self.run(self.stack.aclose())
            self.runner.close()
            self.directory.cleanup()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def now(self) -> datetime:
        return self.run(self.made.database.read(lambda connection: connection.clock()))

    def _one(self, data: st.DataObject) -> Iterator[Offer]:
        """Any offer, but none whose expiry is so near that the model cannot know."""
        now = self.now()
        known = [o for o in self.model.offers if abs(o.expires - now) > _CLOSE]
        if known:
            yield data.draw(st.sampled_from(known))

    def _told(self, offer: Offer, phase: str) -> bool:
        """Whether the broker let it be."""
        try:
            self.run(self.made.set_phase(self.alice, offer.uuid, phase))
        except Conflict:
            return False
        return True


def _starts(session: ExecutionSession) -> tuple[datetime, datetime]:
    """The planned start, from which on it has what it needs, and the last one."""
    _, close = starts(session)
    return planned_start(session), close - timedelta(seconds=1)


FEW = settings(
    max_examples=4,
    stateful_step_count=15,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
MANY = settings(FEW, max_examples=200, stateful_step_count=40)


def run_on(server: PostgresServer | None, how_much: settings) -> None:
    """On a database for each example, of this server or of none."""
    machine = type("Machine", (Booking,), {"server": server})
    try:
        run_state_machine_as_test(machine, settings=how_much)
    finally:
        USED.url = "sqlite"


def test_booking_keeps_what_it_told_on_sqlite() -> None:
    run_on(None, FEW)


@pytest.mark.parametrize("server", SERVERS)
def test_booking_keeps_what_it_told_on_postgres(
    server: str, request: pytest.FixtureRequest
) -> None:
    run_on(request.getfixturevalue(server), FEW)


@pytest.mark.soak
@pytest.mark.parametrize("database", DATABASES)
def test_booking_keeps_what_it_told_for_long(database: str, request: pytest.FixtureRequest) -> None:
    run_on(request.getfixturevalue(database) if database in SERVERS else None, MANY)
