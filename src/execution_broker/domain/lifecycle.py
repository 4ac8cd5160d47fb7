"""Which phase may follow which, for sessions, components and steps."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, TypeVar

from execution_broker.domain.errors import IllegalTransition
from execution_broker.models.executable import DockerContainer, Executable, JupyterNotebook
from execution_broker.models.phases import ComponentPhase, SessionPhase

P = TypeVar("P", bound=StrEnum)


class StepPhase(StrEnum):
    """DORMANT until what it needs has ended, WAITING for a callback, READY to be claimed."""

    DORMANT = "DORMANT"
    WAITING = "WAITING"
    READY = "READY"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


def _moves(enum: type[P], arrows: str) -> Mapping[P, frozenset[P]]:
    """Read `A > B C` lines: each phase and those that may follow it."""
    table = {phase: frozenset[P]() for phase in enum}
    for line in arrows.strip().splitlines():
        source, _, targets = line.partition(">")
        table[enum(source.strip())] = frozenset(enum(target) for target in targets.split())
    return table


_SESSION: Final = _moves(
    SessionPhase,
    """
    INITIAL   > OFFERED ACCEPTED FAILED
    OFFERED   > ACCEPTED REJECTED EXPIRED CANCELLED FAILED
    ACCEPTED  > WAITING PREPARING FAILED CANCELLED
    WAITING   > PREPARING FAILED CANCELLED
    PREPARING > AVAILABLE FAILED CANCELLED
    AVAILABLE > RUNNING FAILED CANCELLED
    RUNNING   > RELEASING FAILED CANCELLED
    RELEASING > COMPLETED FAILED CANCELLED
    """,
)

_COMPONENT: Final = _moves(
    ComponentPhase,
    """
    INITIALIZING > WAITING FAILED CANCELLED
    WAITING      > PREPARING FAILED CANCELLED
    PREPARING    > AVAILABLE FAILED CANCELLED
    AVAILABLE    > RUNNING RELEASING FAILED CANCELLED
    RUNNING      > RELEASING FAILED CANCELLED
    RELEASING    > COMPLETED FAILED CANCELLED
    """,
)

_STEP: Final = _moves(
    StepPhase,
    """
    DORMANT > WAITING READY CANCELLED
    WAITING > READY CANCELLED FAILED
    READY   > RUNNING CANCELLED
    RUNNING > READY WAITING COMPLETED FAILED CANCELLED
    """,
)

SESSION_ENDS: Final = frozenset(p for p, after in _SESSION.items() if not after)
COMPONENT_ENDS: Final = frozenset(p for p, after in _COMPONENT.items() if not after)
STEP_ENDS: Final = frozenset(p for p, after in _STEP.items() if not after)


def move_session(now: SessionPhase, to: SessionPhase) -> SessionPhase:
    """`to`, if a session may go there from `now`; IllegalTransition otherwise."""
    return _move("session", _SESSION, now, to)


def move_component(now: ComponentPhase, to: ComponentPhase) -> ComponentPhase:
    """`to`, if a component may go there from `now`; IllegalTransition otherwise."""
    return _move("component", _COMPONENT, now, to)


def move_step(now: StepPhase, to: StepPhase) -> StepPhase:
    """`to`, if a step may go there from `now`; IllegalTransition otherwise."""
    return _move("step", _STEP, now, to)


def session_may(now: SessionPhase, to: SessionPhase) -> bool:
    return to in _SESSION[now]


def _move(what: str, table: Mapping[P, frozenset[P]], now: P, to: P) -> P:
    if to not in table[now]:
        raise IllegalTransition(f"A {what} in phase {now} cannot become {to}.")
    return to


def finishes(executable: Executable | None) -> bool:
    """Whether it comes to an end by itself, so that its result is not whole when it is stopped
    before. What people or clients use for as long as they have it does not: a notebook that is not
    a batch, a container that serves ports."""
    match executable:
        case JupyterNotebook(mode=mode):
            return mode == "BATCH"
        case DockerContainer(network=network):
            return network is None or not network.ports
        case _:
            return True
