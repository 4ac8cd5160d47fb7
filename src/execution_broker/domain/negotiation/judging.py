"""Judges one demand on one site: what could be offered first, or everything that is wrong."""

from typing import Final

import msgspec

from execution_broker.domain.demand import Demand
from execution_broker.domain.messages import NOT_ALLOWED
from execution_broker.domain.negotiation.bounds import Bound, settle
from execution_broker.domain.negotiation.fitting import fit
from execution_broker.domain.negotiation.placing import Frame, Slot, find, frame_of
from execution_broker.domain.negotiation.refusing import no_room, not_enough_time
from execution_broker.domain.negotiation.site import Case, Rules, Site
from execution_broker.domain.negotiation.trial import Trial
from execution_broker.domain.planning import make_plan
from execution_broker.models.message import Message

LONGEST_PREPARATION: Final = 10 * 365 * 86400
"""Seconds. Sizes are whatever the client says; no date has to hold what follows from them."""


class Prospect(msgspec.Struct, frozen=True, kw_only=True):
    """A site that can meet the demand. `demand` has the least amounts that keep every bound,
    and at most what the site can give; `slot` is the first one."""

    trial: Trial
    demand: Demand
    bounds: tuple[Bound, ...]
    frame: Frame
    slot: Slot
    remarks: tuple[Message, ...]


def judge(site: Site, demand: Demand, rules: Rules, now: int) -> Prospect | tuple[Message, ...]:
    """The first prospect, or the faults.

    Following every suggestion of the faults makes a prospect of it; of several NO_CAPACITY any
    one is enough.
    """
    case = Case(site, demand)
    fit(case)
    if case.is_hopeless:
        return tuple(case.faults)
    plan, assumed = make_plan(case.demand, site.capability, site.lookups)
    prepare = plan.prepare_cost()
    if prepare > LONGEST_PREPARATION:
        return (*case.faults, _endless(site, prepare))
    trial = Trial(site, case.demand, plan)
    bounds = settle(case, trial)
    frame = frame_of(case.demand, prepare, rules, now)
    later = frame_of(case.demand, prepare, rules, now + rules.patience)
    if frame.missing > 0:
        case.faults += not_enough_time(case, trial, bounds, (frame, later), rules)
        return tuple(case.faults)
    slot = find(site.calendar, trial.shape(case.demand), frame)
    if slot is None:
        case.faults += no_room(case, trial, bounds, (frame, later))
    if slot is None or case.faults:
        return tuple(case.faults)
    return Prospect(
        trial=trial,
        demand=case.demand,
        bounds=bounds,
        frame=frame,
        slot=slot,
        remarks=(*demand.messages, *case.remarks, *assumed),
    )


def _endless(site: Site, prepare: int) -> Message:
    years = prepare // (365 * 86400)
    reason = f"staging all of it on {site.name} would take {years} years"
    return NOT_ALLOWED(place="what is to be staged", reason=reason)
