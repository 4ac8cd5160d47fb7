"""What a worker tells a tracer: attempts of the steps of sessions that somebody traces."""

from collections.abc import Mapping, Sequence
from typing import assert_never

from execution_broker.domain.errors import Unavailable
from execution_broker.domain.spans import NO_SPAN, Attempt, Outcome, StepSpan, Tracer
from execution_broker.steps.base import Applied, Cancelled, Completed, Failed, PutBack
from execution_broker.storage import sessions
from execution_broker.storage.database import Database
from execution_broker.storage.records import LeasedStep, Origin


class Tracing:
    """Begins spans. A session without a stored trace context has none."""

    def __init__(self, database: Database, tracer: Tracer) -> None:
        self._database = database
        self._tracer = tracer

    async def origins(self, leased: Sequence[LeasedStep]) -> Mapping[int, Origin]:
        """By the session's key. Asks the database only where there is a tracer; nothing is told
        while it is away."""
        ids = {step.session for step in leased if step.session is not None}
        if not self._tracer.is_tracing or not ids:
            return {}
        try:
            return await self._database.read(lambda c: sessions.origins(c, ids))
        except Unavailable:
            return {}

    def begin(self, step: LeasedStep, origins: Mapping[int, Origin]) -> StepSpan:
        if step.session is None or (origin := origins.get(step.session)) is None:
            return NO_SPAN
        return self._tracer.step(
            Attempt(origin.trace, origin.session, step.kind, origin.platform, step.attempt)
        )


def end(span: StepSpan, step: LeasedStep, outcome: Outcome) -> None:
    """A step that looks again and again is told of when it looks first and when it is done."""
    if outcome is not Outcome.PUT_BACK or not step.delays:
        span.end(outcome)


def outcome_of(applied: Applied) -> Outcome:
    match applied:
        case PutBack():
            return Outcome.PUT_BACK
        case Completed():
            return Outcome.COMPLETED
        case Failed():
            return Outcome.FAILED
        case Cancelled():
            return Outcome.CANCELLED
        case _ as never:
            assert_never(never)
