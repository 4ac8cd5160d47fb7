"""Which steps wait for nothing any more, in sessions whose locks are held (S7)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Final, NamedTuple

from execution_broker.domain.lifecycle import StepPhase
from execution_broker.domain.plan import StepKind
from execution_broker.domain.waking import Needs, Sleeper, awake
from execution_broker.storage.database import Connection
from execution_broker.storage.documents import decode

_PHASES: Final = {phase.value: phase for phase in StepPhase}
_KINDS: Final = {kind.value: kind for kind in StepKind}


class Woken(NamedTuple):
    """A step that waits for nothing any more. `due`: as it was planned."""

    id: int
    session: int
    kind: StepKind
    due: datetime


class Planned(NamedTuple):
    """A step of a session, and what it will be when it has woken."""

    sleeper: Sleeper
    woken: Woken

    def now(self, phase: StepPhase) -> "Planned":
        return Planned(self.sleeper._replace(phase=phase), self.woken)


async def wake(connection: Connection, sessions: Sequence[int], now: datetime) -> None:
    """Make READY what waits for nothing any more, in sessions whose locks are held (S7)."""
    woken = await woken_of(connection, sessions)
    if woken:
        await make_ready(connection, woken, now)
        connection.ring({step.kind for step in woken})


async def woken_of(connection: Connection, sessions: Sequence[int]) -> list[Woken]:
    """The steps of these sessions, whose locks are held, that wait for nothing any more."""
    found = await planned_of(connection, sessions)
    return [woken for steps in found.values() if steps for woken in woken_among(steps)]


async def planned_of(
    connection: Connection, sessions: Sequence[int]
) -> dict[int, dict[int, Planned]]:
    """All steps of these sessions, each by its key."""
    found: dict[int, dict[int, Planned]] = {session: {} for session in sessions}
    for row in await connection.rows("sleeping_steps", sessions=sessions):
        id_, session = row["id"], row["session_id"]
        found[session][id_] = Planned(
            Sleeper(id_, row["key"], _PHASES[row["phase"]], _needs(row["needs"])),
            Woken(id_, session, _KINDS[row["kind"]], row["due_at"]),
        )
    return found


def woken_among(steps: Mapping[int, Planned]) -> list[Woken]:
    """Of all steps of one session, those that wait for nothing any more."""
    return [steps[step.id].woken for step in awake([one.sleeper for one in steps.values()])]


async def make_ready(connection: Connection, woken: Sequence[Woken], now: datetime) -> None:
    """They have waited for a worker since now, if they are not due later: not since they were
    planned."""
    await connection.many("wake_step", [{"id": step.id, "now": now} for step in woken])


@lru_cache(maxsize=1024)
def _needs(text: str | None) -> Needs:
    """Plans of the same shape, as most are, say it in the same words."""
    return Needs() if text is None else decode(text, Needs)
