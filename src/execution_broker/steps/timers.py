"""Time is a step: preparation begins, and a session comes to its end (S6)."""

from datetime import UTC, datetime, timedelta
from typing import Final

from execution_broker.domain import messages
from execution_broker.domain.demand import EXECUTABLE
from execution_broker.domain.errors import OutsideError
from execution_broker.domain.iso8601 import write_duration, write_instant
from execution_broker.domain.lifecycle import finishes
from execution_broker.domain.plan import StepKind
from execution_broker.models.message import Message
from execution_broker.models.phases import ComponentPhase, SessionPhase
from execution_broker.steps.base import Applied, Cancelled, Completed, PutBack
from execution_broker.steps.lateness import has_missed, latest_end
from execution_broker.steps.orders import session_of
from execution_broker.steps.prepare import fail_session
from execution_broker.storage import steps
from execution_broker.storage.batch import Batch
from execution_broker.storage.records import LeasedStep
from execution_broker.transitions.ending import come_to_end, fail
from execution_broker.transitions.living import enter, enter_live_components, say
from execution_broker.transitions.planned import add_rest

_FAR: Final = timedelta(minutes=1)


class Timer:
    """A step that does nothing outside: only the time has come."""

    async def load(self, connection: Batch, step: LeasedStep, now: datetime) -> Applied | None:
        session = await session_of(connection, step)
        return None if session.ended is None else Cancelled()

    async def act(self, loaded: None) -> None:
        return None

    async def fail(
        self, connection: Batch, step: LeasedStep, error: OutsideError, now: datetime
    ) -> Applied:
        return await fail_session(connection, step, error, now)


class Begin(Timer):
    """Brings an ACCEPTED session to PREPARING when preparation is due; WAITING until then
    where that is more than a minute away. Preparing never begins before what is booked for it."""

    kind = StepKind.BEGIN

    async def apply(
        self,
        connection: Batch,
        step: LeasedStep,
        loaded: None,
        result: None,
        now: datetime,
    ) -> Applied:
        session = await session_of(connection, step)
        if session.ended is not None:
            return Cancelled()
        due = datetime.fromtimestamp(session.terms.start - session.terms.prepare, UTC)
        if due > now:
            if due - now > _FAR and session.phase is SessionPhase.ACCEPTED:
                enter(session, SessionPhase.WAITING, now)
                connection.save(session, now)
            return PutBack(due)
        enter(session, SessionPhase.PREPARING, now)
        enter_live_components(session, ComponentPhase.WAITING, now)
        connection.save(session, now)
        await add_rest(connection, session, now)
        return Completed()


class End(Timer):
    """Stops a session whose time is over: it is released, never forgotten. What would have
    finished by itself has failed; but while its platform does not answer, it may have finished in
    time, so that this waits for the answer, up to `grace`. What has not started by then has failed,
    too, however its preparation stands and whoever is at it."""

    kind = StepKind.END

    def __init__(self, grace: timedelta) -> None:
        self._grace = grace

    async def apply(
        self,
        connection: Batch,
        step: LeasedStep,
        loaded: None,
        result: None,
        now: datetime,
    ) -> Applied:
        session = await session_of(connection, step)
        if session.ended is not None:
            return Cancelled()
        end = session.ends or latest_end(session)
        if now < end:
            return PutBack(end)
        if session.started is None:
            missed = await has_missed(connection, session, now)
            return Completed() if missed else PutBack(latest_end(session))
        at = write_instant(end.replace(microsecond=0))
        if finishes(session.document.executable):
            if await steps.is_failing(connection, session.id, StepKind.WATCH):
                until = end + self._grace
                if now < until:
                    return PutBack(until)
                say(session, _unseen(until, self._grace), now, EXECUTABLE)
            await fail(connection, session, messages.CUT_OFF(end=at), now, EXECUTABLE)
        else:
            await come_to_end(connection, session, messages.TIME_ENDED(end=at), now)
        connection.save(session, now)
        return Completed()


def _unseen(until: datetime, grace: timedelta) -> Message:
    return messages.UNSEEN(
        until=write_instant(until.replace(microsecond=0)), grace=write_duration(grace)
    )
