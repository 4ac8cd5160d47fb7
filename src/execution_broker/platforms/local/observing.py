"""What watching sees: how it goes, and why it failed."""

from typing import assert_never

from execution_broker.domain import messages
from execution_broker.models.executable import JupyterNotebook
from execution_broker.platforms.local.notebook import cells_done, error_of, one_line, source_of
from execution_broker.platforms.local.paths import SessionPaths
from execution_broker.platforms.local.supervision import Exit, Reason, State, last_line
from execution_broker.ports.platform import Life, Observation, Order


def observe(state: State | Exit, order: Order, paths: SessionPaths) -> Observation:
    match state:
        case State.RUNNING:
            return Observation(life=Life.RUNNING)
        case State.GONE:
            return _lost("The process that supervised it was killed.")
        case State.NEVER_STARTED:
            return _lost("It was never started here.")
        case Exit():
            return _ended(state, order, paths)
        case _ as never:
            assert_never(never)


def tell_progress(order: Order, paths: SessionPaths) -> None:
    """How many cells have been run, as far as the notebook written so far tells."""
    assert isinstance(order.document.executable, JupyterNotebook)
    progress = cells_done(paths.work / source_of(order.document.executable).name)
    if progress is not None:
        order.progress(*progress, "cells")


def _lost(hint: str) -> Observation:
    return Observation(life=Life.LOST, messages=(messages.LOST(hint=hint),))


def _ended(end: Exit, order: Order, paths: SessionPaths) -> Observation:
    match end.reason:
        case Reason.EXITED if end.status == 0:
            return Observation(life=Life.SUCCEEDED, status=0)
        case Reason.EXITED:
            return _failed(end, _why(order, paths))
        case Reason.DEADLINE:
            return Observation(life=Life.RUNNING)
        case Reason.STOPPED if end.status is None:
            return _lost("It was stopped before it had begun.")
        case Reason.STOPPED:
            return _failed(end, "It was stopped from outside.")
        case _ as never:
            assert_never(never)


def _failed(end: Exit, hint: str) -> Observation:
    said = messages.EXIT_STATUS(status=end.status, hint=hint)
    return Observation(life=Life.FAILED, status=end.status, messages=(said,))


def _why(order: Order, paths: SessionPaths) -> str:
    assert isinstance(order.document.executable, JupyterNotebook)
    executed = paths.work / source_of(order.document.executable).name
    said = one_line(last_line(paths.control, "stderr"))
    return error_of(executed) or said or "It said nothing about why."
