"""What becomes of a step that has failed in a way that may pass (S4)."""

from datetime import datetime

from execution_broker.domain import messages
from execution_broker.domain.errors import OutsideError
from execution_broker.domain.measures import Measure
from execution_broker.steps.base import growing, left_alone
from execution_broker.storage import steps
from execution_broker.storage.batch import Batch
from execution_broker.storage.records import LeasedStep
from execution_broker.transitions.living import say


def reason_of(error: OutsideError) -> str:
    return (error.message.message or "").rstrip(".")


async def try_again(
    connection: Batch, step: LeasedStep, error: OutsideError, attempts: int, now: datetime
) -> None:
    """Put it back with a growing delay, and no sooner than the other side wants; say why."""
    failures = step.failures + 1
    due = now + max(growing(failures, first=0.5, most=60), left_alone(error.retry_after))
    connection.measure(Measure.STEP_FAILURES, step.kind.word)
    if step.session is not None:
        session = await connection.session(step.session)
        told = messages.TRIED_AGAIN(
            step=step.kind.word, failures=failures, attempts=attempts, reason=reason_of(error)
        )
        say(session, told, now, step.component)
        connection.save(session, now)
    await steps.put_back(connection, step, due, failures=failures, delays=step.delays)
