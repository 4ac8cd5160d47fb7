"""Upkeep, as far as it is due."""

from collections.abc import Collection
from typing import Any, Final

from execution_broker.domain.plan import PREPARES, StepKind
from tests.harness.broker import Broker, working
from tests.harness.waiting import until

UPKEEP: Final = frozenset(
    {StepKind.SWEEP, StepKind.REPORT, StepKind.RECONCILE, StepKind.PURGE, StepKind.PROBE}
)
BEFORE_START: Final = UPKEEP | PREPARES | {StepKind.BEGIN}
"""With all that a session waits for before it can start: where nobody does that, every start that
is offered is later by as long as that has waited."""


def serving(kinds: Collection[StepKind]) -> dict[str, Any]:
    """The section of a worker that does these alone."""
    return {"kinds": sorted(kind.word for kind in kinds)}


async def keep_up(made: Broker, kinds: Collection[StepKind] = UPKEEP) -> None:
    """Have a worker do all steps of these kinds that are due, and whatever else it serves."""
    async with working(made):
        await until(lambda: has_kept_up(made, kinds))


async def has_kept_up(made: Broker, kinds: Collection[StepKind] = UPKEEP) -> bool:
    """Whether all that was due of these kinds has been done."""
    now = await made.now()
    (found,) = await made.rows(
        "SELECT count(*) FROM step WHERE phase IN ('READY', 'RUNNING')"
        f" AND (phase = 'RUNNING' OR free_at <= ?) AND kind IN ({', '.join('?' * len(kinds))})",
        int(now.timestamp() * 1e6) if made.is_embedded() else now,
        *sorted(kinds),
    )
    return found == (0,)
