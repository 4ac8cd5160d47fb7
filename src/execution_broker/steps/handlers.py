"""Every kind of step with its handler: the table the worker is given."""

from collections.abc import Mapping

from execution_broker.domain.plan import PREPARES, StepKind
from execution_broker.ports.data import DataKind, Transfer
from execution_broker.steps.base import Handler, World
from execution_broker.steps.notify import Notify, Telling
from execution_broker.steps.prepare import Prepare
from execution_broker.steps.probe import Probe
from execution_broker.steps.reconcile import Purge, Reconcile
from execution_broker.steps.release import CALLS, Collect, Finish, Release
from execution_broker.steps.run import Start, Watch
from execution_broker.steps.timers import Begin, End
from execution_broker.steps.upkeep import Report, Sweep


def handlers(
    world: World,
    intervals: Mapping[StepKind, int],
    data_kinds: Mapping[str, DataKind],
    transfers: Mapping[str, Transfer],
    telling: Telling,
) -> Mapping[StepKind, Handler]:
    """One handler for each kind of step. `intervals` in seconds, for each kind of upkeep."""
    every: list[Handler] = [
        Probe(data_kinds, transfers, world.stage.pace, world.opening),
        Begin(),
        *(Prepare(kind, world) for kind in sorted(PREPARES)),
        Start(world),
        Watch(world),
        End(world.grace),
        *(Release(kind, world) for kind in sorted(CALLS)),
        Collect(world),
        Finish(),
        Sweep(world, intervals[StepKind.SWEEP]),
        Report(world, intervals[StepKind.REPORT]),
        Reconcile(world, intervals[StepKind.RECONCILE]),
        Purge(world, intervals[StepKind.PURGE]),
        Notify(telling),
    ]
    return {handler.kind: handler for handler in every}
