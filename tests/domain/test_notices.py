"""When there is something to tell an owner, and what."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from execution_broker.domain.notices import PUNCTUAL, Course, due, sentence
from execution_broker.models.phases import SessionPhase
from execution_broker.models.told import Told
from tests.domain.builders import terms

LATEST = datetime(2026, 5, 1, 12, tzinfo=UTC)
LEAD = timedelta(minutes=10)
HOUR = timedelta(hours=1)


def course(**changes: Any) -> Course:
    """A session that has started when it was promised to, for an hour."""
    second = int(LATEST.timestamp())
    made = Course(
        uuid=UUID(int=1),
        name="fit",
        phase=SessionPhase.RUNNING,
        terms=terms(start=second, latest=second),
        started=LATEST,
        ends=LATEST + HOUR,
        ended=None,
        why=None,
    )
    return made._replace(**changes)


@pytest.mark.parametrize(
    ("told", "changes", "expected"),
    [
        (Told.READY, {}, LATEST),
        (Told.READY, {"started": None}, None),
        (Told.LATE, {}, None),
        (Told.LATE, {"started": LATEST + PUNCTUAL}, None),
        (Told.LATE, {"started": None}, LATEST + PUNCTUAL),
        (Told.LATE, {"started": LATEST + HOUR}, LATEST + PUNCTUAL),
        (Told.LATE, {"started": None, "ended": LATEST}, None),
        (Told.ENDS_SOON, {}, LATEST + HOUR - LEAD),
        (Told.ENDS_SOON, {"ends": LATEST + timedelta(minutes=6)}, LATEST + timedelta(minutes=3)),
        (Told.ENDS_SOON, {"started": None}, None),
        (Told.ENDS_SOON, {"ends": None}, None),
        (Told.ENDS_SOON, {"ended": LATEST + HOUR}, None),
        (Told.IDLE, {}, LATEST),
        (Told.IDLE, {"ended": LATEST + HOUR}, None),
        (Told.FAILED, {"phase": SessionPhase.FAILED, "ended": LATEST}, LATEST),
        (Told.FAILED, {"phase": SessionPhase.CANCELLED, "ended": LATEST}, None),
    ],
)
def test_it_is_told_when_it_is_true(
    told: Told, changes: dict[str, Any], expected: datetime | None
) -> None:
    assert due(told, course(**changes), LEAD) == expected


def test_what_was_moved_is_late_by_what_was_promised() -> None:
    """Its terms tell of the start that it has; `advanced`, by how much that is not the promise."""
    second = int(LATEST.timestamp())
    moved = terms(start=second - 300, latest=second - 300, advanced=300)
    early = course(terms=moved, started=LATEST - timedelta(minutes=5))
    assert due(Told.LATE, early, LEAD) is None
    assert early.latest == LATEST


@pytest.mark.parametrize(
    ("told", "changes", "expected"),
    [
        (Told.READY, {}, "The session has started: it can be used until 2026-05-01 13:00 UTC."),
        (Told.READY, {"ends": None}, "The session has started: it can be used until its end."),
        (
            Told.LATE,
            {"started": None},
            "The session was promised to start by 2026-05-01 12:00 UTC, and has not started yet.",
        ),
        (
            Told.LATE,
            {},
            "The session was promised to start by 2026-05-01 12:00 UTC, and has started only now.",
        ),
        (Told.FAILED, {"why": "It was lost."}, "The session has failed: It was lost."),
        (Told.FAILED, {}, "The session has failed: look at it for the reason."),
        (Told.IDLE, {"why": "Nothing ran."}, "The session is idle. Nothing ran."),
    ],
)
def test_what_is_told(told: Told, changes: dict[str, Any], expected: str) -> None:
    assert sentence(told, course(**changes)) == expected
