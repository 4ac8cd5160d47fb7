"""Releasing: stop, keep the outputs, remove everything, end the bookings (B6)."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

from execution_broker.domain import messages
from execution_broker.domain.amounts import OUTPUTS as OUTPUTS_AMOUNT
from execution_broker.domain.amounts import Booking
from execution_broker.domain.errors import OutsideError
from execution_broker.domain.iso8601 import write_instant
from execution_broker.domain.naming import escaped, is_result_path
from execution_broker.domain.plan import StepKind
from execution_broker.models.phases import ComponentPhase, SessionPhase
from execution_broker.ports.platform import Collected, NotYet, Order, Outcome, Platform
from execution_broker.steps.base import Applied, Completed, Failed, PutBack, World, asked_again
from execution_broker.steps.learning import learn
from execution_broker.steps.orders import OUTPUTS, Loaded, load_order, session_of
from execution_broker.steps.prepare import remember, say_new, take
from execution_broker.steps.run import keep_streams
from execution_broker.storage import bookings, outside
from execution_broker.storage.batch import Batch
from execution_broker.storage.bookings import NewBooking, Owner
from execution_broker.storage.outside import Output
from execution_broker.storage.records import LeasedStep, StoredSession
from execution_broker.transitions import ending
from execution_broker.transitions.living import enter, enter_component, say

_NAMED: Final = 5

Call = Callable[[Platform, Order], Awaitable[Outcome]]

CALLS: dict[StepKind, Call] = {
    StepKind.RELEASE_COMPUTE: lambda platform, order: platform.release_compute(order),
    StepKind.RELEASE_EXECUTABLE: lambda platform, order: platform.release_executable(order),
    StepKind.RELEASE_DATA: lambda platform, order: platform.release_data(order),
    StepKind.RELEASE_STORAGE: lambda platform, order: platform.release_storage(order),
}


class ReleaseStep:
    """What all releasing has in common. A failed release never stops the others."""

    def __init__(self, kind: StepKind, world: World) -> None:
        self.kind = kind
        self._world = world

    async def load(self, connection: Batch, step: LeasedStep, now: datetime) -> Loaded:
        session = await session_of(connection, step)
        key = step.component
        if key in session.components and session.phase is SessionPhase.RELEASING:
            enter_component(session, key, ComponentPhase.RELEASING, now)
            connection.save(session, now)
        return await load_order(connection, self._world, step, session, now)

    async def fail(
        self, connection: Batch, step: LeasedStep, error: OutsideError, now: datetime
    ) -> Applied:
        """A session that was to be COMPLETED is FAILED; CANCELLED keeps its phase."""
        session = await session_of(connection, step)
        reason = (error.message.message or "").rstrip(".")
        message = messages.RELEASE_FAILED(component=step.component or step.kind.word, reason=reason)
        say(session, message, now, step.component)
        say(session, message, now)
        if session.phase is SessionPhase.RELEASING:
            enter(session, SessionPhase.FAILED, now)
            for key, component in session.components.items():
                if component.phase is ComponentPhase.RELEASING and key == step.component:
                    enter_component(session, key, ComponentPhase.FAILED, now)
        connection.save(session, now)
        return Failed()


class Release(ReleaseStep):
    """One of the four releasing kinds: they differ in what they ask of the platform."""

    async def act(self, loaded: Loaded) -> Outcome:
        return await CALLS[self.kind](loaded.platform, loaded.order)

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
            say_new(session, result, now, key)
            remember(session, result, key)
            connection.save(session, now)
            due = now + asked_again(result.seconds, step.delays)
            return PutBack(due, loaded.begun.payload())
        take(self._world, session, result, key, now)
        if session.components[key].phase is ComponentPhase.RELEASING:
            enter_component(session, key, ComponentPhase.COMPLETED, now)
        connection.end_bookings(session.platform, session.id, key)
        await outside.gone(connection, session.id, key, now)
        connection.save(session, now)
        await learn(connection, session, loaded.begun, loaded.progress.latest, now)
        return Completed()


class Collect(ReleaseStep):
    """Keeps the outputs, and books only as much for them as they are."""

    def __init__(self, world: World) -> None:
        super().__init__(StepKind.COLLECT, world)

    async def act(self, loaded: Loaded) -> Collected:
        return await loaded.platform.collect(loaded.order, loaded.seen)

    async def apply(
        self,
        connection: Batch,
        step: LeasedStep,
        loaded: Loaded,
        result: Collected,
        now: datetime,
    ) -> Applied:
        session = await session_of(connection, step)
        await keep_streams(connection, session, result.streams)
        for message in result.messages:
            say(session, message, now)
        kept = [
            Output(one.path, one.size, one.sha256)
            for one in result.outputs
            if is_result_path(one.path)
        ]
        if unnamed := [escaped(one.path) for one in result.outputs if not is_result_path(one.path)]:
            reason = "results cannot have such names"
            said = messages.OUTPUTS_LEFT_OUT(dropped=", ".join(unnamed[:_NAMED]), reason=reason)
            say(session, said, now)
        size = sum(one.size for one in result.outputs)
        await outside.add_outputs(connection, session.id, kept)
        if kept:
            until = (now + timedelta(seconds=session.terms.retention)).replace(microsecond=0)
            said = messages.OUTPUTS_KEPT(count=len(kept), size=size, until=write_instant(until))
            say(session, said, now)
        await _shrink_outputs(connection, session, size, now)
        for fault in result.faults:
            say(session, fault, now)
            if session.phase is SessionPhase.RELEASING:
                enter(session, SessionPhase.FAILED, now)
        connection.save(session, now)
        return Completed()


class Finish:
    """The session is released, if everything is gone; else reconciliation goes on with it."""

    kind = StepKind.FINISH

    async def load(self, connection: Batch, step: LeasedStep, now: datetime) -> None:
        return None

    async def act(self, loaded: None) -> None:
        return None

    async def apply(
        self, connection: Batch, step: LeasedStep, loaded: None, result: None, now: datetime
    ) -> Applied:
        session = await session_of(connection, step)
        left = [one for one in await outside.receipts(connection, session.id) if one.gone is None]
        if not left:
            connection.end_bookings(session.platform, session.id)
            ending.finish(session, now)
            connection.save(session, now)
        return Completed()

    async def fail(
        self, connection: Batch, step: LeasedStep, error: OutsideError, now: datetime
    ) -> Applied:
        return Failed()


async def _shrink_outputs(
    connection: Batch, session: StoredSession, size: int, now: datetime
) -> None:
    """Book the MiB that are really kept, for the promised retention, instead of the most."""
    held = await bookings.of_component(connection, session.id, OUTPUTS)
    if not held:
        return
    mebibytes = min(-(-size >> 20) if size else 0, session.terms.outputs)
    start = int(now.timestamp())
    end = min(start + max(session.terms.retention, 1), max(one.end for one in held))
    kept = []
    if mebibytes and start < end:
        booking = Booking({OUTPUTS_AMOUNT: mebibytes}, start, end, OUTPUTS)
        owner = Owner(session.identity, session.offerset, session.id)
        kept.append(NewBooking(session.platform, booking, owner))
    decision = await bookings.decide(connection, [session.platform])
    ended, made = bookings.ending(held, decision), bookings.adding(kept, decision)
    await bookings.write(connection, decision, ended, made)
