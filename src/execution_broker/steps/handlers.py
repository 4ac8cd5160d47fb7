"""Every kind of step with its handler: the table the worker is given."""

from collections.abc import Mapping

from execution_broker.config import Upkeep
from execution_broker.domain.plan import PREPARES, StepKind
from execution_broker.ports.data import DataKind, Transfer
from execution_broker.steps.base import Handler, World
from execution_broker.steps.prepare import Prepare
from execution_broker.steps.probe import Probe
from execution_broker.steps.reconcile import Purge, Reconcile
from execution_broker.steps.release import CALLS, Collect, Finish, Release
from execution_broker.steps.run import Start, Watch
from execution_broker.steps.timers import Begin, End
from execution_broker.steps.upkeep import Prolong, Report, Sweep


def handlers(
    world: World,
    upkeep: Upkeep,
    data_kinds: Mapping[str, DataKind],
    transfers: Mapping[str, Transfer],
) -> Mapping[StepKind, Handler]:
    """One handler for each kind of step."""
    every: list[Handler] = [
        Probe(data_kinds, transfers),
        Begin(),
        *(Prepare(kind, world) for kind in sorted(PREPARES)),
        Start(world),
        Watch(world),
        End(),
        *(Release(kind, world) for kind in sorted(CALLS)),
        Collect(world),
        Finish(),
        Sweep(world, upkeep.sweep),
        Report(world, upkeep.report),
        Reconcile(world, upkeep.reconcile),
        Prolong(world, upkeep.prolong),
        Purge(world, upkeep.purge),
    ]
    return {handler.kind: handler for handler in every}
