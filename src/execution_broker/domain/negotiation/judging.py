"""Judges one inquiry on one site: what could be offered first, or everything that is wrong."""

from collections.abc import Sequence
from typing import Final

import msgspec

from execution_broker.domain.demand import Bound, Demand
from execution_broker.domain.messages import NOT_ALLOWED, SIMULATED
from execution_broker.domain.negotiation.bounds import settle
from execution_broker.domain.negotiation.fitting import fit
from execution_broker.domain.negotiation.flavouring import no_size, to_try, wants_more
from execution_broker.domain.negotiation.framing import Frame, Slot, frame_of, lengthened
from execution_broker.domain.negotiation.inquiry import Inquiry
from execution_broker.domain.negotiation.placing import Search
from execution_broker.domain.negotiation.refusing import no_room, not_enough_time
from execution_broker.domain.negotiation.site import Case, Rules, Site
from execution_broker.domain.negotiation.trial import Trial
from execution_broker.domain.offer import Terms
from execution_broker.domain.planning import Content, make_plan, quickest
from execution_broker.models.message import Message

LONGEST_PREPARATION: Final = 10 * 365 * 86400
"""Seconds. Sizes are whatever the client says; no date has to hold what follows from them."""


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """A site that could meet the demand, if there were room: `search` looks for it. `demand` has
    the least amounts that keep every bound, and at most what the site can give, `shape` the terms
    of the former."""

    trial: Trial
    demand: Demand
    shape: Terms
    bounds: tuple[Bound, ...]
    frame: Frame
    search: Search


class Prospect(Opening, frozen=True, kw_only=True):
    """A site that can meet the demand. `slot` is the first one that was found."""

    slot: Slot
    early: int
    remarks: tuple[Message, ...]


class Judgement(msgspec.Struct, frozen=True):
    """What one site can do, or everything that is wrong: prospects, or else faults, and where there
    is no room now."""

    prospects: tuple[Prospect, ...] = ()
    faults: tuple[Message, ...] = ()
    full: tuple[Opening, ...] = ()


def judge(site: Site, inquiry: Inquiry, rules: Rules, now: int) -> Judgement:
    """The prospects, or the faults.

    There are several prospects where fixed sizes are a choice. Following every suggestion of the
    faults makes a prospect of it; of several NO_CAPACITY any one is enough. Time and room are
    judged only where all that is asked for can be had.
    """
    prospects: list[Prospect] = []
    refused: Judgement | None = None
    for flavour in to_try(site, inquiry.demand):
        case = Case(site, inquiry, flavour)
        found = _judge(case, rules, now)
        if isinstance(found, Prospect):
            prospects.append(found)
            if not wants_more(inquiry.demand):
                break
        elif refused is None:
            refused = Judgement(faults=tuple(case.faults), full=(found,) if found else ())
    if prospects:
        return Judgement(tuple(prospects))
    return refused or Judgement(faults=(no_size(site),))


def _judge(case: Case, rules: Rules, now: int) -> Opening | None:
    """The first prospect of a case. Any other opening is a site without room; with None, something
    else is wrong. Either leaves faults in the case, or the inquiry has some."""
    site = case.site
    fit(case)
    contents = case.inquiry.contents_for(case.demand.executable)
    plan, assumed = make_plan(case.demand, contents, site.capability, site.waiting)
    prepare = plan.prepare_cost()
    if prepare > LONGEST_PREPARATION:
        case.refuse(_endless(site, prepare))
        return None
    trial = Trial(site, contents, plan)
    frame = frame_of(case.demand, prepare, rules, now)
    later = frame_of(case.demand, prepare, rules, now + rules.patience)
    is_too_short = frame.missing > 0
    bounds = settle(case, trial, [lengthened(later)] if is_too_short else _frames(frame, later))
    if case.is_hopeless or case.demand.unlocated:
        return None
    if is_too_short:
        not_enough_time(case, trial, bounds, (frame, later), rules)
        return None
    shape = trial.shape(case.demand)
    search = Search(trial, shape, bounds, frame)
    slot = search.first_from(frame.first)
    opening = Opening(
        trial=trial,
        demand=case.demand,
        shape=shape,
        bounds=bounds,
        frame=frame,
        search=search,
    )
    if slot is None:
        no_room(case, trial, bounds, (frame, later), rules)
        return opening
    if case.faults:
        return None
    told = (SIMULATED(platform=site.name),) if site.capability.simulates != "nothing" else ()
    remarks = (*told, *case.asked.messages, *case.remarks, *assumed)
    early = _early(case, trial, contents, frame)
    return Prospect(**msgspec.structs.asdict(opening), slot=slot, early=early, remarks=remarks)


def _frames(frame: Frame, later: Frame) -> list[Frame]:
    """Now, and a little later where the window is still open then."""
    return [frame] if later.missing > 0 else [frame, later]


def _early(case: Case, trial: Trial, contents: Sequence[Content], frame: Frame) -> int:
    """None where a start cannot be moved, or would cost something else than what was offered."""
    capability = case.site.capability
    if capability.fixed_starts or trial.changing:
        return 0
    spare = frame.prepare - quickest(case.demand, contents, capability)
    return max(0, min(spare, frame.first - case.demand.window_start))


def _endless(site: Site, prepare: int) -> Message:
    years = prepare // (365 * 86400)
    reason = f"staging all of it on {site.name} would take {years} years"
    return NOT_ALLOWED(place="what is to be staged", reason=reason)
