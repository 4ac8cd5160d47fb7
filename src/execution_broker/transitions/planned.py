"""How the plan of a session becomes steps: when it is accepted only the one that begins (S9)."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Final
from uuid import uuid5

from execution_broker.domain.lifecycle import StepPhase
from execution_broker.domain.plan import RELEASES, PlannedStep, StepKind
from execution_broker.models.phases import SessionPhase
from execution_broker.storage import steps
from execution_broker.storage.database import Connection
from execution_broker.storage.records import StoredSession
from execution_broker.storage.steps import NewStep

_NOT_BEGUN: Final = frozenset({SessionPhase.ACCEPTED, SessionPhase.WAITING})


def has_begun(session: StoredSession) -> bool:
    """Whether preparation has begun; until then only the step that begins it is a row."""
    return session.phase not in _NOT_BEGUN


def first_step(session: StoredSession, now: datetime) -> NewStep:
    """The step that begins the preparation, and knows itself when that is due."""
    key = StepKind.BEGIN.word
    return NewStep(uuid5(session.uuid, key), StepKind.BEGIN, key, None, StepPhase.READY, now)


async def add_rest(connection: Connection, session: StoredSession, now: datetime) -> None:
    """Preparation begins: all other steps of the plan. They wake with the end of the step that
    begins, or of those that they wait for."""
    planned = [step for step in session.plan().steps if step.kind is not StepKind.BEGIN]
    await _add(connection, session, planned, now)


async def add_releases(connection: Connection, session: StoredSession, now: datetime) -> None:
    """A session ends before its preparation has begun: only the steps that release it."""
    planned = [step for step in session.plan().steps if step.kind in RELEASES]
    await _add(connection, session, planned, now)


async def _add(
    connection: Connection,
    session: StoredSession,
    planned: Collection[PlannedStep],
    now: datetime,
) -> None:
    """What a step needs of the plan and is no row has been, or will never be."""
    end = datetime.fromtimestamp(session.terms.start + session.terms.duration, UTC)
    rows = {step.key for step in planned}
    new = [
        NewStep(
            uuid=uuid5(session.uuid, step.key),
            kind=step.kind,
            key=step.key,
            component=step.component,
            phase=StepPhase.DORMANT,
            due=end if step.kind is StepKind.END else now,
            needs=tuple(key for key in step.needs if key in rows),
            after=tuple(key for key in step.after if key in rows),
        )
        for step in planned
    ]
    await steps.add(connection, session.id, session.platform, new, now)
