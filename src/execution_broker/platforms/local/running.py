"""Running: begin, watch how it goes, and tell why it failed."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, assert_never

import msgspec

from execution_broker.domain import messages
from execution_broker.domain.errors import Permanent
from execution_broker.domain.iso8601 import write_instant
from execution_broker.domain.requirements import package_of
from execution_broker.models.message import Message
from execution_broker.platforms.local import interactive, supervision
from execution_broker.platforms.local.components import mode_of, notebook_of
from execution_broker.platforms.local.notebook import one_line, told
from execution_broker.platforms.local.paths import SessionPaths
from execution_broker.platforms.local.site import Site, disk_errors
from execution_broker.platforms.local.supervision import Exit, Reason, State
from execution_broker.ports.platform import Done, Life, Observation, Order, Outcome

_MIB: Final = 20
_MISSING: Final = re.compile(r"ModuleNotFoundError: No module named '(\w+)'")


async def start(site: Site, order: Order) -> Outcome:
    """Once: whatever was started before is not started again. An interactive session runs already;
    it learns its end."""
    control = site.paths(order).control

    def tell() -> None:
        if not control.spec.exists():
            raise Permanent(messages.LOST(hint="What was prepared for it is gone."))
        supervision.set_deadline(control, order.ends, order.now)

    await site.in_thread("The start", tell)
    with disk_errors("The start"):
        await supervision.start(control, site.marks(order.session))
    return Done()


async def watch(site: Site, order: Order, seen: Mapping[str, int]) -> Observation:
    """RUNNING also when the shim has stopped it at the end of its time: that this end has come
    is known to the broker, which releases it for that reason and no other."""
    paths = site.paths(order)

    def look() -> Observation:
        state = supervision.state(paths.control)
        if state is State.RUNNING:
            supervision.set_deadline(paths.control, order.ends, order.now)
            _tell_progress(order, paths)
        streams = supervision.new_output(paths.control, seen)
        return msgspec.structs.replace(_observe(state, order, paths), streams=streams)

    seen_now = await site.in_thread("Watching", look)
    is_batch = mode_of(notebook_of(order.document.executable, site.name)) == "BATCH"
    if seen_now.life is not Life.RUNNING or is_batch:
        return seen_now
    idle = (await interactive.quiet_for(paths)).total_seconds()
    return msgspec.structs.replace(seen_now, idle=max(0.0, idle))


def _tell_progress(order: Order, paths: SessionPaths) -> None:
    """How many cells have been executed, where somebody tells."""
    now = told(paths.control.told)
    if now.cells:
        order.progress(now.done, now.cells, "cells")


def _observe(state: State | Exit, order: Order, paths: SessionPaths) -> Observation:
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


def _lost(hint: str) -> Observation:
    return Observation(life=Life.LOST, messages=(messages.LOST(hint=hint),))


def _ended(end: Exit, order: Order, paths: SessionPaths) -> Observation:
    match end.reason:
        case Reason.EXITED if end.status == 0:
            return Observation(life=Life.SUCCEEDED, status=0)
        case Reason.EXITED:
            why = _why(paths)
            return _failed(end, messages.EXIT_STATUS(status=end.status, hint=why))
        case Reason.MEMORY:
            used, limit = end.used >> _MIB, end.limit >> _MIB
            return _failed(
                end, messages.TOO_MUCH_MEMORY(processes=end.processes, used=used, limit=limit)
            )
        case Reason.TASKS:
            return _failed(end, messages.TOO_MANY_PROCESSES(used=end.used, limit=end.limit))
        case Reason.DEADLINE if _has_more_time(end, order):
            known = datetime.fromtimestamp(int(end.ends or 0), UTC)
            return _failed(end, messages.NOT_PROLONGED(end=write_instant(known)))
        case Reason.DEADLINE:
            return Observation(life=Life.RUNNING)
        case Reason.STOPPED if end.status is None:
            return _lost("It was stopped before it had begun.")
        case Reason.STOPPED:
            hint = "It was stopped from outside."
            return _failed(end, messages.EXIT_STATUS(status=end.status, hint=hint))
        case _ as never:
            assert_never(never)


def _has_more_time(end: Exit, order: Order) -> bool:
    """Whether it was given more while no worker could tell its shim."""
    if end.ends is None or order.ends is None:
        return False
    return order.ends.timestamp() > end.ends


def _failed(end: Exit, message: Message) -> Observation:
    return Observation(life=Life.FAILED, status=end.status, messages=(message,))


def _why(paths: SessionPaths) -> str:
    reason = one_line(told(paths.control.told).reason)
    if missing := _MISSING.fullmatch(reason):
        package = package_of(missing[1])
        return (
            f"{reason}. Add {package} to executable.requirements; or, if it is a file of yours,"
            " have it staged as data."
        )
    said = one_line(supervision.last_line(paths.control, "stderr"))
    return reason or said or "It said nothing about why."
