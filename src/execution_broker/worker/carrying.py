"""Carries one leased step from load over act to apply (S1), or many brief ones together."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, assert_never
from uuid import UUID

import structlog

from execution_broker.config import Worker as WorkerSettings
from execution_broker.domain import messages
from execution_broker.domain.errors import OutsideError, Permanent, Transient, Unavailable
from execution_broker.domain.lifecycle import StepPhase
from execution_broker.domain.log_events import LogEvent
from execution_broker.domain.measures import Measure
from execution_broker.domain.plan import StepKind
from execution_broker.domain.spans import NoTracer, Outcome, Part, StepSpan, Tracer
from execution_broker.steps.base import (
    Applied,
    Cancelled,
    Completed,
    Failed,
    Handler,
    PutBack,
    growing,
)
from execution_broker.storage import events, sessions, steps
from execution_broker.storage.database import Connection, Database
from execution_broker.storage.records import LeasedStep, NewEvent, Origin
from execution_broker.transitions.living import STEP_END
from execution_broker.worker.tracing import Tracing, end, outcome_of

_log = structlog.get_logger()

_FIRST_WAIT: Final = 0.2
_LONGEST_WAIT: Final = 3.0


class Carrier:
    """Carries out the steps of one processor. Every write is void once the lease is lost."""

    def __init__(
        self,
        database: Database,
        handlers: Mapping[StepKind, Handler],
        settings: WorkerSettings,
        processor: UUID,
        tracer: Tracer | None = None,
    ) -> None:
        self._database = database
        self._handlers = handlers
        self._settings = settings
        self._processor = processor
        self._tracing = Tracing(database, tracer or NoTracer())

    async def carry(self, step: LeasedStep) -> None:
        """Load, act, apply; or fail, or put back. Raises only what the database raises."""
        span = self._tracing.begin(step, await self._tracing.origins([step]))
        outcome = Outcome.INTERRUPTED
        try:
            outcome = await self._carry_or_fail(step, span)
        finally:
            end(span, step, outcome)

    async def carry_together(self, leased: Sequence[LeasedStep]) -> None:
        """Load, act and apply steps that do nothing outside, all in one transaction.

        Where one of them cannot, each is carried on its own: what is poisonous fails alone.
        """
        if all(step.lapses <= self._settings.lapses for step in leased):
            origins = await self._tracing.origins(leased)
            try:
                told = await self._write(lambda c: self._together(c, leased, origins))
            except Exception as error:  # one poisonous step must not stop the others
                _log.info(LogEvent.BATCH_DIVIDED, reason=type(error).__name__)
            else:
                for step, span, outcome in told:
                    end(span, step, outcome)
                return
        for step in leased:
            await self.carry(step)

    async def drop(self, step: LeasedStep) -> None:
        """Its session has ended while it acted: the step is not needed any more."""
        await self._write(lambda c: self._conclude_leased(c, step, Cancelled()))

    async def give_back(self, step: LeasedStep) -> None:
        """This worker stops: let another one have the step now."""
        await self._database.write(lambda c: self._give_back(c, step))

    async def _carry_or_fail(self, step: LeasedStep, span: StepSpan) -> Outcome:
        if step.lapses > self._settings.lapses:
            lost = messages.STEP_LOST(step=step.kind.word, lapses=step.lapses)
            await self._give_up(step, Permanent(lost))
            return Outcome.FAILED
        try:
            return await self._carry(step, self._handlers[step.kind], span)
        except OutsideError as error:
            await self._failed(step, error)
        except Unavailable:
            raise
        except Exception as error:  # one poisonous step must not stop the others
            _log.exception(LogEvent.STEP_CRASHED)
            told = messages.STEP_FAILED(step=step.kind.word, reason=type(error).__name__)
            await self._failed(step, Transient(told))
        return Outcome.ERROR

    async def _carry(self, step: LeasedStep, handler: Handler, span: StepSpan) -> Outcome:
        with span.part(Part.LOAD):
            loaded = await self._write(lambda c: self._load(c, handler, step))
        if isinstance(loaded, Applied):
            return outcome_of(loaded)
        if isinstance(loaded, _Nothing):
            return Outcome.INTERRUPTED
        with span.part(Part.ACT):
            result = await handler.act(loaded)
        with span.part(Part.APPLY):
            applied = await self._write(lambda c: self._apply(c, handler, step, loaded, result))
        return Outcome.INTERRUPTED if applied is None else outcome_of(applied)

    async def _write(self, work: Callable[[Connection], Awaitable[Any]]) -> Any:
        """Write, and while the database is away, again: who renews the lease says when to stop."""
        wait = _FIRST_WAIT
        while True:
            try:
                return await self._database.write(work)
            except Unavailable as error:
                _log.warning(LogEvent.STEP_UNFINISHED, reason=str(error))
                await asyncio.sleep(wait)
                wait = min(2 * wait, _LONGEST_WAIT)

    async def _together(
        self,
        connection: Connection,
        leased: Sequence[LeasedStep],
        origins: Mapping[int, Origin],
    ) -> list[tuple[LeasedStep, StepSpan, Outcome]]:
        """Locks all sessions first, in their order, then the steps; then platform by platform, as
        their capacity is locked in that order (B4). What is to be told once it is committed."""
        of_sessions = {step.session for step in leased if step.session is not None}
        if of_sessions:
            await sessions.lock(connection, of_sessions)
        ours = await steps.still_leased_of(connection, leased, self._processor)
        now = await connection.clock()
        ended: dict[StepPhase, list[LeasedStep]] = {}
        told = []
        for step in sorted(ours, key=lambda step: (step.platform or 0, step.id)):
            span = self._tracing.begin(step, origins)
            applied = await self._at_once(connection, step, now, span)
            told.append((step, span, outcome_of(applied)))
            phase = _PHASES.get(type(applied))
            if phase is None or getattr(applied, "result", None) is not None:
                await self._conclude(connection, step, applied, now)
            else:
                ended.setdefault(phase, []).append(step)
        for phase, group in ended.items():
            await steps.end_many(connection, group, phase, now)
            await events.add_all(
                connection,
                [(step.session, _ended(step, phase, now)) for step in group if step.session],
                now,
            )
        return told

    async def _at_once(
        self, connection: Connection, step: LeasedStep, now: datetime, span: StepSpan
    ) -> Applied:
        handler = self._handlers[step.kind]
        with span.part(Part.LOAD):
            loaded = await handler.load(connection, step, now)
        if isinstance(loaded, Applied):
            return loaded
        with span.part(Part.ACT):
            result = await handler.act(loaded)
        with span.part(Part.APPLY):
            return await handler.apply(connection, step, loaded, result, now)

    async def _load(self, connection: Connection, handler: Handler, step: LeasedStep) -> Any:
        if not await self._is_ours(connection, step):
            return _Nothing()
        now = await connection.clock()
        loaded = await handler.load(connection, step, now)
        if isinstance(loaded, Applied):
            await self._conclude(connection, step, loaded, now)
        return loaded

    async def _apply(
        self, connection: Connection, handler: Handler, step: LeasedStep, loaded: Any, result: Any
    ) -> Applied | None:
        """None: the lease was lost."""
        if not await self._is_ours(connection, step):
            _log.warning(LogEvent.LEASE_LOST)
            connection.measure(Measure.STALE_APPLIES, step.kind.word)
            return None
        now = await connection.clock()
        applied = await handler.apply(connection, step, loaded, result, now)
        await self._conclude(connection, step, applied, now)
        return applied

    async def _failed(self, step: LeasedStep, error: OutsideError) -> None:
        """Put back until the attempts are used up (S4); what is permanent fails at once."""
        failures = step.failures + 1
        if isinstance(error, Permanent):
            await self._give_up(step, error)
        elif failures >= self._settings.attempts:
            reason = (error.message.message or "").rstrip(".")
            told = messages.STEP_GAVE_UP(step=step.kind.word, attempts=failures, reason=reason)
            await self._give_up(step, Permanent(told))
        else:
            _log.info(LogEvent.STEP_FAILED, failures=failures)
            await self._write(lambda c: self._try_again(c, step, failures))

    async def _give_up(self, step: LeasedStep, error: OutsideError) -> None:
        handler = self._handlers[step.kind]

        async def fail(connection: Connection) -> None:
            if await self._is_ours(connection, step):
                now = await connection.clock()
                applied = await handler.fail(connection, step, error, now)
                await self._conclude(connection, step, applied, now)

        _log.info(LogEvent.STEP_GAVE_UP, reason=str(error))
        await self._write(fail)

    async def _try_again(self, connection: Connection, step: LeasedStep, failures: int) -> None:
        if await self._is_ours(connection, step):
            due = await connection.clock() + growing(failures, first=0.5, most=60)
            connection.measure(Measure.STEP_FAILURES, step.kind.word)
            await steps.put_back(connection, step, due, failures=failures, delays=step.delays)

    async def _give_back(self, connection: Connection, step: LeasedStep) -> None:
        if await self._is_ours(connection, step):
            now = await connection.clock()
            await steps.put_back(connection, step, now, failures=step.failures, delays=step.delays)

    async def _conclude_leased(
        self, connection: Connection, step: LeasedStep, applied: Applied
    ) -> None:
        if await self._is_ours(connection, step):
            await self._conclude(connection, step, applied, await connection.clock())

    async def _is_ours(self, connection: Connection, step: LeasedStep) -> bool:
        """Whether this attempt still holds the lease. Locks the session first, then the step."""
        if step.session is not None:
            await sessions.lock(connection, [step.session])
        return await steps.still_leased(connection, step, self._processor) is not None

    async def _conclude(
        self, connection: Connection, step: LeasedStep, applied: Applied, now: datetime
    ) -> None:
        match applied:
            case PutBack():
                await steps.put_back(
                    connection,
                    step,
                    applied.due,
                    failures=0,
                    delays=step.delays + 1,
                    payload=applied.payload,
                )
            case Completed():
                await self._end(connection, step, StepPhase.COMPLETED, applied.result, now)
            case Failed():
                await self._end(connection, step, StepPhase.FAILED, None, now)
            case Cancelled():
                await self._end(connection, step, StepPhase.CANCELLED, None, now)
            case _ as never:
                assert_never(never)

    async def _end(
        self,
        connection: Connection,
        step: LeasedStep,
        phase: StepPhase,
        result: Any,
        now: datetime,
    ) -> None:
        await steps.end(connection, step, phase, result, now)
        if step.session is not None:
            await events.add(connection, step.session, _ended(step, phase, now))


_PHASES: Final[Mapping[type[Applied], StepPhase]] = {
    Completed: StepPhase.COMPLETED,
    Failed: StepPhase.FAILED,
    Cancelled: StepPhase.CANCELLED,
}


def _ended(step: LeasedStep, phase: StepPhase, now: datetime) -> NewEvent:
    return NewEvent(STEP_END, step.component, {"step": step.key, "phase": phase.value}, now)


class _Nothing:
    """The lease was lost before the step was loaded."""
