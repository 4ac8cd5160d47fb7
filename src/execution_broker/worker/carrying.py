"""Carries one leased step from load over act to apply (S1), or many brief ones together."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, TypeVar, assert_never
from uuid import UUID

import structlog

from execution_broker.config import Worker as WorkerSettings
from execution_broker.domain import messages
from execution_broker.domain.errors import OutsideError, Permanent, Transient, Unavailable
from execution_broker.domain.lifecycle import StepPhase
from execution_broker.domain.log_events import LogEvent
from execution_broker.domain.measures import Measure
from execution_broker.domain.plan import StepKind
from execution_broker.domain.spans import NO_SPAN, NoTracer, Outcome, Part, StepSpan, Tracer
from execution_broker.steps.base import (
    Applied,
    Cancelled,
    Completed,
    Failed,
    Handler,
    PutBack,
)
from execution_broker.storage import steps
from execution_broker.storage.batch import Batch
from execution_broker.storage.database import Database
from execution_broker.storage.records import LeasedStep, NewEvent
from execution_broker.transitions.living import STEP_END
from execution_broker.worker.acting import Acting
from execution_broker.worker.desk import Desk, Write, Written
from execution_broker.worker.failing import try_again
from execution_broker.worker.places import Carried, Onward
from execution_broker.worker.telling import name_session, names_of_session, telling_of
from execution_broker.worker.tracing import Tracing, end, outcome_of

T = TypeVar("T")

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
        desk: Desk | None = None,
        onward: Collection[StepKind] = (),
    ) -> None:
        """`desk`: that of the worker. `onward`: the kinds that are gone on with at once when a
        step has ended that they waited for."""
        self._database = database
        self._desk = desk or Desk(database)
        self._handlers = handlers
        self._settings = settings
        self._processor = processor
        self._acting = Acting(settings, database.meter)
        self._tracing = Tracing(database, tracer or NoTracer())
        lease = timedelta(seconds=settings.lease)
        self.onward = Onward(processor, onward, lease, self._load)

    def brief(self, kinds: Collection[StepKind]) -> Onward:
        """For steps that do nothing outside: to be carried in the transaction that leases them."""
        return self.onward._replace(kinds=kinds, load=self._carry_brief)

    async def carry(self, step: LeasedStep, carried: Carried | None = None) -> Carried | None:
        """Load, act, apply; or fail, or put back. What to go on with. Raises only what the
        database raises. `carried`: the step, if it was loaded already."""
        span = self._tracing.begin(step, await self._tracing.origins([step]))
        outcome = Outcome.INTERRUPTED
        try:
            outcome, then = await self._carry_or_fail(step, span, carried)
        finally:
            end(span, step, outcome)
        return then

    async def carry_together(self, leased: Sequence[LeasedStep]) -> None:
        """Load, act and apply steps that do nothing outside, all in one transaction.

        Where one of them cannot, each is carried on its own: what is poisonous fails alone.
        """
        if all(step.lapses <= self._settings.lapses for step in leased):
            origins = await self._tracing.origins(leased)
            spans = {step.id: self._tracing.begin(step, origins) for step in leased}

            async def write(connection: Batch, step: LeasedStep, now: datetime) -> Outcome:
                return await self._carry_in(connection, step, now, spans[step.id])

            try:
                told = await self._again(
                    lambda: self._desk.together(self._processor, leased, write)
                )
            except Exception as error:  # one poisonous step must not stop the others
                _log.info(LogEvent.BATCH_DIVIDED, reason=type(error).__name__)
            else:
                for step, outcome in told:
                    end(spans[step.id], step, outcome)
                return
        for step in leased:
            await self.carry(step)

    async def drop(self, step: LeasedStep) -> None:
        """Its session has ended while it acted: the step is not needed any more."""
        await self._write(step, lambda c, now: self._conclude(c, step, Cancelled(), now))

    async def give_back(self, step: LeasedStep) -> None:
        """This worker stops: let another one have the step now."""
        await self._desk.write(
            step,
            self._processor,
            lambda c, now: steps.put_back(c, step, now, failures=step.failures, delays=step.delays),
        )

    async def _carry_or_fail(
        self, step: LeasedStep, span: StepSpan, carried: Carried | None
    ) -> tuple[Outcome, Carried | None]:
        if step.lapses > self._settings.lapses:
            lost = messages.STEP_LOST(step=step.kind.word, lapses=step.lapses)
            await self._name(step)
            await self._give_up(step, Permanent(lost))
            return Outcome.FAILED, None
        try:
            return await self._carry(step, span, carried)
        except OutsideError as error:
            await self._failed(step, error)
        except Unavailable:
            raise
        except Exception as error:  # one poisonous step must not stop the others
            await self._name(step)
            _log.error(LogEvent.STEP_CRASHED, exc_info=error)
            told = messages.STEP_FAILED(step=step.kind.word, reason=type(error).__name__)
            await self._failed(step, Transient(told), is_our_fault=True)
        return Outcome.ERROR, None

    async def _carry(
        self, step: LeasedStep, span: StepSpan, carried: Carried | None
    ) -> tuple[Outcome, Carried | None]:
        handler = self._handlers[step.kind]
        with span.part(Part.LOAD):
            if carried is None:
                written = await self._write(step, lambda c, now: self._load(c, step, now))
                if written is None:
                    return Outcome.INTERRUPTED, None
                carried = Carried(step, written.result)
        loaded = carried.loaded
        if isinstance(loaded, Applied):
            return outcome_of(loaded), None
        name_session(loaded)
        with span.part(Part.ACT):
            result = await self._acting.run(step.kind, handler.act(loaded))

        async def apply(connection: Batch, now: datetime) -> Applied:
            applied = await handler.apply(connection, step, loaded, result, now)
            await self._conclude(connection, step, applied, now)
            return applied

        with span.part(Part.APPLY):
            onward = self.onward if self.onward.kinds else None
            written = await self._write(step, apply, onward)
        if written is None:
            _log.warning(LogEvent.LEASE_LOST)
            self._database.meter.measure(Measure.STALE_APPLIES, 1, step.kind.word)
            return Outcome.INTERRUPTED, None
        return outcome_of(written.result), written.then

    async def _write(
        self, step: LeasedStep, write: Write, onward: Onward | None = None
    ) -> Written | None:
        return await self._again(lambda: self._desk.write(step, self._processor, write, onward))

    async def _again(self, write: Callable[[], Awaitable[T]]) -> T:
        """Write, and while the database is away, again: who renews the lease says when to stop."""
        wait = _FIRST_WAIT
        while True:
            try:
                return await write()
            except Unavailable as error:
                _log.warning(LogEvent.STEP_UNFINISHED, reason=str(error))
                await asyncio.sleep(wait)
                wait = min(2 * wait, _LONGEST_WAIT)

    async def _carry_brief(self, connection: Batch, step: LeasedStep, now: datetime) -> None:
        with telling_of(step, self._processor):
            await self._carry_in(connection, step, now, NO_SPAN)

    async def _carry_in(
        self, connection: Batch, step: LeasedStep, now: datetime, span: StepSpan
    ) -> Outcome:
        """Load, act and apply a brief step in a transaction that is under way."""
        applied = await self._at_once(connection, step, now, span)
        await self._conclude(connection, step, applied, now)
        return outcome_of(applied)

    async def _at_once(
        self, connection: Batch, step: LeasedStep, now: datetime, span: StepSpan
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

    async def _load(self, connection: Batch, step: LeasedStep, now: datetime) -> Any:
        loaded = await self._handlers[step.kind].load(connection, step, now)
        if isinstance(loaded, Applied):
            await self._conclude(connection, step, loaded, now)
        return loaded

    async def _failed(
        self, step: LeasedStep, error: OutsideError, *, is_our_fault: bool = False
    ) -> None:
        """Put back until the budget of its kind is spent (S4); what is permanent fails at once."""
        await self._name(step)
        if isinstance(error, Permanent):
            await self._give_up(step, error)
            return
        _log.info(LogEvent.STEP_FAILED, failures=step.failures + 1)
        again = partial(
            try_again, step=step, error=error, settings=self._settings, is_our_fault=is_our_fault
        )
        written = await self._write(step, lambda c, now: again(c, now=now))
        if written is not None and written.result is not None:
            await self._give_up(step, written.result)

    async def _name(self, step: LeasedStep) -> None:
        """Lines that are written from now on name the session, whatever the step has loaded. While
        the database is away they name the step alone."""
        if step.session is None or "session" in structlog.contextvars.get_contextvars():
            return
        with suppress(Unavailable):
            names = await self._database.read(partial(names_of_session, id_=step.session))
            structlog.contextvars.bind_contextvars(**names)

    async def _give_up(self, step: LeasedStep, error: OutsideError) -> None:
        handler = self._handlers[step.kind]

        async def fail(connection: Batch, now: datetime) -> None:
            applied = await handler.fail(connection, step, error, now)
            await self._conclude(connection, step, applied, now)

        _log.info(LogEvent.STEP_GAVE_UP, reason=str(error))
        await self._write(step, fail)

    async def _conclude(
        self, connection: Batch, step: LeasedStep, applied: Applied, now: datetime
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
        connection: Batch,
        step: LeasedStep,
        phase: StepPhase,
        result: Any,
        now: datetime,
    ) -> None:
        await steps.end(connection, step, phase, result, now)
        if step.session is not None:
            connection.add_event(step.session, _ended(step, phase, now))


def _ended(step: LeasedStep, phase: StepPhase, now: datetime) -> NewEvent:
    return NewEvent(STEP_END, step.component, {"step": step.key, "phase": phase.value}, now)
