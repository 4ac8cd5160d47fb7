"""Running: start what was prepared when its time has come, and watch it."""

from datetime import datetime, timedelta
from typing import assert_never

from execution_broker.domain import messages
from execution_broker.domain.demand import COMPUTE, EXECUTABLE
from execution_broker.domain.errors import OutsideError
from execution_broker.domain.iso8601 import write_duration
from execution_broker.domain.plan import StepKind
from execution_broker.models.message import Message
from execution_broker.models.phases import ComponentPhase, SessionPhase
from execution_broker.ports.platform import Life, NotYet, Observation, Outcome, StreamPart
from execution_broker.steps.advancing import hasten
from execution_broker.steps.base import (
    Applied,
    Cancelled,
    Completed,
    PutBack,
    World,
    asked_again,
)
from execution_broker.steps.idleness import judged, warn
from execution_broker.steps.lateness import has_missed, in_time, latest_end
from execution_broker.steps.orders import Loaded, load_order, session_of
from execution_broker.steps.postponing import settle_end
from execution_broker.steps.prepare import fail_session, remember, say_new, take
from execution_broker.steps.secrets import with_secrets
from execution_broker.storage import outside, steps
from execution_broker.storage.batch import Batch
from execution_broker.storage.records import LeasedStep, StoredSession
from execution_broker.transitions.ending import come_to_end, fail
from execution_broker.transitions.living import enter, enter_component, note_schedule, say


class Start:
    """Everything is ready: AVAILABLE. When the start has come: RUNNING."""

    kind = StepKind.START

    def __init__(self, world: World) -> None:
        self._world = world

    async def load(self, connection: Batch, step: LeasedStep, now: datetime) -> Loaded | Applied:
        session = await session_of(connection, step)
        if session.ended is not None:
            return Cancelled()
        if session.phase is SessionPhase.PREPARING:
            enter(session, SessionPhase.AVAILABLE, now)
            connection.save(session, now)
        if await has_missed(connection, session, now):
            return Cancelled()
        again = await hasten(connection, session, step.delays, now)
        if again > now:
            return PutBack(again)
        if session.ends is None:
            duration = timedelta(seconds=session.terms.duration)
            session.ends = min(now + duration, latest_end(session))
            connection.save(session, now)
        return await load_order(connection, self._world, step, session, now)

    async def act(self, loaded: Loaded) -> Outcome:
        start = loaded.platform.start
        starting = with_secrets(self._world.opening, loaded.order, loaded.sealed, start)
        return await in_time(loaded, starting)

    async def apply(
        self,
        connection: Batch,
        step: LeasedStep,
        loaded: Loaded,
        result: Outcome,
        now: datetime,
    ) -> Applied:
        session = await session_of(connection, step)
        key = loaded.order.key
        if isinstance(result, NotYet):
            if session.ended is not None or await has_missed(connection, session, now):
                return Cancelled()
            say_new(session, result, now, key)
            remember(session, result, key)
            connection.save(session, now)
            return PutBack(now + asked_again(result.seconds, step.delays))
        take(self._world, session, result, key, now)
        if session.ended is None:
            _begin_running(session, now)
            assert session.ends is not None
            await steps.set_due(connection, session.id, StepKind.END, session.ends)
            await settle_end(connection, session, now)
        connection.save(session, now)
        return Completed()

    async def fail(
        self, connection: Batch, step: LeasedStep, error: OutsideError, now: datetime
    ) -> Applied:
        return await fail_session(connection, step, error, now)


class Watch:
    """Asks the platform again and again how it goes, until it has ended."""

    kind = StepKind.WATCH

    def __init__(self, world: World) -> None:
        self._world = world

    async def load(self, connection: Batch, step: LeasedStep, now: datetime) -> Loaded | Applied:
        session = await session_of(connection, step)
        if session.ended is not None:
            return Cancelled()
        return await load_order(connection, self._world, step, session, now)

    async def act(self, loaded: Loaded) -> Observation:
        return await loaded.platform.watch(loaded.order, loaded.seen)

    async def apply(
        self,
        connection: Batch,
        step: LeasedStep,
        loaded: Loaded,
        result: Observation,
        now: datetime,
    ) -> Applied:
        session = await session_of(connection, step)
        await keep_streams(connection, session, result.streams)
        if session.ended is not None:
            return Cancelled()
        session.components[EXECUTABLE].progress = loaded.progress.latest
        site = self._world.sites[session.platform]
        result = judged(result, site)
        match result.life:
            case Life.RUNNING:
                payload = warn(session, result.idle, site, step.payload, now)
                connection.save(session, now)
                await settle_end(connection, session, now)
                if session.ends != loaded.order.ends:  # changed meanwhile: the platform is told
                    return PutBack(now, payload)
                if (
                    session.ends is not None and now >= session.ends
                ):  # who ends it may wait for this
                    await steps.set_due(connection, session.id, StepKind.END, now)
                return PutBack(now + asked_again(result.seconds, step.delays), payload)
            case Life.SUCCEEDED:
                for message in result.messages:
                    say(session, message, now, EXECUTABLE)
                assert session.started is not None
                elapsed = timedelta(seconds=round((now - session.started).total_seconds()))
                done = messages.FINISHED(elapsed=write_duration(elapsed))
                await come_to_end(connection, session, done, now)
            case Life.FAILED | Life.LOST:
                first, *others = result.messages or (_why(result),)
                for message in others:
                    say(session, message, now, EXECUTABLE)
                await fail(connection, session, first, now, EXECUTABLE)
            case _ as never:
                assert_never(never)
        connection.save(session, now)
        return Completed()

    async def fail(
        self, connection: Batch, step: LeasedStep, error: OutsideError, now: datetime
    ) -> Applied:
        return await fail_session(connection, step, error, now)


async def keep_streams(
    connection: Batch, session: StoredSession, parts: tuple[StreamPart, ...]
) -> None:
    for part in parts:
        await outside.add_part(connection, session.id, part.stream, part.offset, part.data)


def _begin_running(session: StoredSession, now: datetime) -> None:
    """The end was fixed before the call, so that the platform could be told of it; it may have been
    changed since."""
    session.started = now
    enter(session, SessionPhase.RUNNING, now)
    note_schedule(session, now)
    for key in (EXECUTABLE, COMPUTE):
        enter_component(session, key, ComponentPhase.RUNNING, now)


def _why(result: Observation) -> Message:
    if result.life is Life.LOST:
        return messages.LOST(hint="Post the request again.")
    return messages.EXIT_STATUS(status=result.status, hint="See its output.")
