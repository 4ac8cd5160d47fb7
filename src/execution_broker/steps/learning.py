"""Steps teach how long they take: from their first load until they are done (N4)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from execution_broker.domain.plan import StepKind
from execution_broker.domain.planning import is_ready_for
from execution_broker.domain.timing import Lesson, throughput
from execution_broker.storage import timings
from execution_broker.storage.batch import Batch
from execution_broker.storage.records import LeasedStep, Progress, StoredSession

_KEY = "begun"


class Begun(msgspec.Struct, frozen=True):
    """When a step was first loaded, and what it teaches (None: nothing). A step that looks again
    and again keeps it in its payload; one that failed begins anew."""

    at: datetime
    lesson: Lesson | None

    def payload(self) -> Mapping[str, Any]:
        """For the step that is put back."""
        return {_KEY: msgspec.to_builtins(self)}


async def begun(
    connection: Batch, step: LeasedStep, session: StoredSession, now: datetime
) -> Begun:
    kept = step.payload.get(_KEY)
    if kept is not None:
        return msgspec.convert(kept, Begun)
    return Begun(now, await _lesson(connection, step.kind, session))


async def learn(
    connection: Batch,
    session: StoredSession,
    begun: Begun,
    moved: Progress | None,
    now: datetime,
) -> None:
    """The step is done. `moved`: how far it said that it was, in the end."""
    if begun.lesson is None:
        return
    seconds = max((now - begun.at).total_seconds(), 0.0)
    value: float | None = seconds
    if begun.lesson is Lesson.THROUGHPUT:
        size = moved.done if moved is not None and moved.units == "bytes" else 0
        value = throughput(size, seconds)
    if value is not None:
        await timings.add(connection, session.platform, begun.lesson, value)


async def _lesson(connection: Batch, kind: StepKind, session: StoredSession) -> Lesson | None:
    executable = session.document.executable
    if kind is not StepKind.PREPARE_EXECUTABLE or executable is None:
        return _LESSONS.get(kind)
    capability = await connection.capability(session.platform)
    if capability is None:
        return None
    here = is_ready_for(capability, executable)
    return Lesson.EXECUTABLE_HERE if here else Lesson.EXECUTABLE_NOT_HERE


_LESSONS: Mapping[StepKind, Lesson] = {
    StepKind.PREPARE_STORAGE: Lesson.STORAGE,
    StepKind.PREPARE_DATA: Lesson.THROUGHPUT,
    StepKind.PREPARE_COMPUTE: Lesson.COMPUTE,
    StepKind.RELEASE_COMPUTE: Lesson.RELEASE,
}
