"""The transition tables, against the kernel's sentences written down once more."""

from enum import StrEnum
from itertools import pairwise

import pytest

from execution_broker.domain import lifecycle
from execution_broker.domain.errors import IllegalTransition
from execution_broker.domain.lifecycle import StepPhase
from execution_broker.models.phases import ComponentPhase, SessionPhase


def moves(path: str) -> set[tuple[str, str]]:
    """`A B C` is A to B and B to C."""
    words = path.split()
    return set(pairwise(words))


def ending(live: str, *ends: str) -> set[tuple[str, str]]:
    return {(phase, end) for phase in live.split() for end in ends}


SESSION = (
    moves("INITIAL OFFERED ACCEPTED WAITING PREPARING AVAILABLE RUNNING RELEASING COMPLETED")
    | moves("ACCEPTED PREPARING")
    | moves("INITIAL ACCEPTED")
    | ending("OFFERED", "REJECTED", "EXPIRED")
    | ending(
        "OFFERED ACCEPTED WAITING PREPARING AVAILABLE RUNNING RELEASING", "FAILED", "CANCELLED"
    )
    | ending("INITIAL", "FAILED")
)
COMPONENT = (
    moves("INITIALIZING WAITING PREPARING AVAILABLE RUNNING RELEASING COMPLETED")
    | moves("AVAILABLE RELEASING")
    | ending("INITIALIZING WAITING PREPARING AVAILABLE RUNNING RELEASING", "FAILED", "CANCELLED")
)
STEP = (
    moves("DORMANT WAITING READY RUNNING COMPLETED")
    | moves("DORMANT READY")
    | moves("RUNNING READY")
    | moves("RUNNING WAITING")
    | ending("DORMANT WAITING READY RUNNING", "CANCELLED")
    | ending("WAITING RUNNING", "FAILED")
)


@pytest.mark.parametrize("now", SessionPhase)
@pytest.mark.parametrize("to", SessionPhase)
def test_sessions(now: SessionPhase, to: SessionPhase) -> None:
    assert lifecycle.session_may(now, to) == ((now, to) in SESSION)
    if (now, to) in SESSION:
        assert lifecycle.move_session(now, to) is to
    else:
        with pytest.raises(IllegalTransition, match=f"session in phase {now} cannot become {to}"):
            lifecycle.move_session(now, to)


@pytest.mark.parametrize("now", ComponentPhase)
@pytest.mark.parametrize("to", ComponentPhase)
def test_components(now: ComponentPhase, to: ComponentPhase) -> None:
    if (now, to) in COMPONENT:
        assert lifecycle.move_component(now, to) is to
    else:
        with pytest.raises(IllegalTransition, match="component"):
            lifecycle.move_component(now, to)


@pytest.mark.parametrize("now", StepPhase)
@pytest.mark.parametrize("to", StepPhase)
def test_steps(now: StepPhase, to: StepPhase) -> None:
    if (now, to) in STEP:
        assert lifecycle.move_step(now, to) is to
    else:
        with pytest.raises(IllegalTransition, match="step"):
            lifecycle.move_step(now, to)


def test_only_ends_lead_nowhere() -> None:
    def ends(table: set[tuple[str, str]], enum: type[StrEnum]) -> set[str]:
        return {phase for phase in enum if not any(now == phase for now, _ in table)}

    assert ends(SESSION, SessionPhase) == lifecycle.SESSION_ENDS
    assert ends(COMPONENT, ComponentPhase) == lifecycle.COMPONENT_ENDS
    assert ends(STEP, StepPhase) == lifecycle.STEP_ENDS
