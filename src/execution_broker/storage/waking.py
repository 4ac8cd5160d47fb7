"""Which steps wait for nothing any more, in sessions whose locks are held (S7)."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from execution_broker.domain.lifecycle import StepPhase
from execution_broker.domain.plan import StepKind
from execution_broker.domain.waking import Needs, Sleeper, awake
from execution_broker.storage.database import Connection
from execution_broker.storage.documents import decode


class Woken(NamedTuple):
    """A step that waits for nothing any more."""

    id: int
    session: int
    kind: StepKind
    free: datetime


async def wake(connection: Connection, sessions: Sequence[int]) -> None:
    """Make READY what waits for nothing any more, in sessions whose locks are held (S7)."""
    woken = await woken_of(connection, sessions, {})
    if woken:
        await make_ready(connection, woken)
        connection.ring({step.kind for step in woken})


async def woken_of(
    connection: Connection, sessions: Sequence[int], moved: Mapping[int, StepPhase]
) -> list[Woken]:
    """The steps of these sessions, whose locks are held, that wait for nothing any more. `moved`:
    the phases of steps that are still to be written."""
    rows = await connection.rows("sleeping_steps", sessions=sessions)
    known = {row["id"]: row for row in rows}
    steps: dict[int, list[Sleeper]] = defaultdict(list)
    for row in rows:
        phase = moved.get(row["id"]) or StepPhase(row["phase"])
        sleeper = Sleeper(row["id"], row["key"], phase, _needs(row["needs"]))
        steps[row["session_id"]].append(sleeper)
    return [
        Woken(step.id, session, StepKind(known[step.id]["kind"]), known[step.id]["free_at"])
        for session, found in steps.items()
        for step in awake(found)
    ]


async def make_ready(connection: Connection, woken: Sequence[Woken]) -> None:
    await connection.many("wake_step", [{"id": step.id} for step in woken])


@lru_cache(maxsize=1024)
def _needs(text: str | None) -> Needs:
    """Plans of the same shape, as most are, say it in the same words."""
    return Needs() if text is None else decode(text, Needs)
