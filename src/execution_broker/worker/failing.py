"""What becomes of a step that has failed in a way that may pass (S4)."""

from datetime import datetime, timedelta
from typing import Final

from execution_broker.config import Worker as WorkerSettings
from execution_broker.domain import messages
from execution_broker.domain.errors import OutsideError, Permanent
from execution_broker.domain.iso8601 import write_instant
from execution_broker.domain.measures import Measure
from execution_broker.domain.plan import StepKind
from execution_broker.models.message import Message
from execution_broker.steps.base import growing, left_alone
from execution_broker.steps.patience import is_endless, tried_until
from execution_broker.storage import steps
from execution_broker.storage.batch import Batch
from execution_broker.storage.records import LeasedStep, StoredSession
from execution_broker.transitions.living import say

_FIRST_WAIT: Final = 0.5
_LONGEST_WAIT: Final = 30.0
"""Seconds. A place that is back is noticed after this at the latest."""
_SAID_AGAIN: Final = timedelta(minutes=10)
"""The same reason is not told more often."""


def reason_of(error: OutsideError) -> str:
    return (error.message.message or "").rstrip(".")


async def try_again(
    connection: Batch,
    step: LeasedStep,
    error: OutsideError,
    settings: WorkerSettings,
    now: datetime,
    *,
    is_our_fault: bool,
) -> Permanent | None:
    """Put the step back with a growing delay, and no sooner than the other side wants; say why.

    When its budget is spent, change nothing: the failure that it ends with. `is_our_fault`: the
    step itself crashed, so that time is no remedy and only the number of failures counts.
    """
    failures = step.failures + 1
    session = None if step.session is None else await connection.session(step.session)
    is_counted = is_our_fault or not is_endless(step)
    until = None
    if is_counted and not is_our_fault:
        grace, collecting = (timedelta(seconds=s) for s in (settings.grace, settings.collecting))
        until = tried_until(step, session, grace, collecting)
    if is_counted and failures >= settings.attempts and (until is None or now >= until):
        reason = reason_of(error)
        return Permanent(
            messages.STEP_GAVE_UP(step=step.kind.word, attempts=failures, reason=reason)
        )
    due = now + max(growing(failures, _FIRST_WAIT, _LONGEST_WAIT), left_alone(error.retry_after))
    if until is not None and now < until:
        due = min(due, until)
    connection.measure(Measure.STEP_FAILURES, step.kind.word)
    if session is not None and failures <= settings.attempts:
        if not is_counted:
            ends = step.kind is StepKind.WATCH
            how_long = "until the session ends" if ends else "until it succeeds"
        elif until is not None and now < until:
            how_long = f"until {write_instant(until)}"
        else:
            how_long = f"up to {settings.attempts} times"
        told = messages.TRIED_AGAIN(step=step.kind.word, reason=reason_of(error), until=how_long)
        if not _was_told(session, step.component, told, now):
            say(session, told, now, step.component)
            connection.save(session, now)
    await steps.put_back(connection, step, due, failures=failures, delays=step.delays)
    return None


def _was_told(session: StoredSession, component: str | None, told: Message, now: datetime) -> bool:
    """Whether the same was told of the component a short while ago."""
    target = session.components.get(component) if component else None
    return any(
        one.kind == told.kind
        and one.values.get("step") == told.values["step"]
        and one.values.get("reason") == told.values["reason"]
        and one.time is not None
        and now - one.time < _SAID_AGAIN
        for one in (target or session).messages
    )
