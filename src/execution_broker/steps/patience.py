"""How long a step that failed in a way that may pass is tried again (S4): a budget by its kind.

A place that is away is not the fault of a session. So no number of failures ends what the session
still has time for.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from execution_broker.domain.plan import PREPARES, StepKind
from execution_broker.storage.records import LeasedStep, StoredSession

_UNTIL_START: Final = PREPARES | {StepKind.START}
_WITHOUT_END: Final = frozenset(
    {
        StepKind.WATCH,
        StepKind.RELEASE_COMPUTE,
        StepKind.RELEASE_EXECUTABLE,
        StepKind.RELEASE_DATA,
        StepKind.RELEASE_STORAGE,
    }
)
"""Watching ends with its session, by the step `end`; what is not released is still there."""


def is_endless(step: LeasedStep) -> bool:
    """Whether it is tried until it succeeds, however often it fails."""
    return step.kind in _WITHOUT_END


def tried_until(
    step: LeasedStep, session: StoredSession | None, grace: timedelta, collecting: timedelta
) -> datetime | None:
    """The instant until which a step is tried again, where there is one; of any other that is not
    endless, the number of its failures decides alone. `grace`: how late what has failed may still
    start; `collecting`: how long after the end of a session its outputs are asked for."""
    if session is None:
        return None
    if step.kind in _UNTIL_START:
        return datetime.fromtimestamp(session.terms.latest, UTC) + grace
    if step.kind is StepKind.COLLECT and session.ended is not None:
        return session.ended + collecting
    return None
