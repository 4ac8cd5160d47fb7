"""The answer to a demand: all sites are asked, and the best of what they can do is offered."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from execution_broker.domain.demand import EXECUTABLE, Demand, Lookup
from execution_broker.domain.messages import NO_CAPACITY, NO_PLATFORM, NOT_SIMULATED
from execution_broker.domain.negotiation.agreeing import all_faults
from execution_broker.domain.negotiation.awaiting import awaited
from execution_broker.domain.negotiation.choosing import choose
from execution_broker.domain.negotiation.inquiry import Inquiry
from execution_broker.domain.negotiation.judging import Judgement, Opening, judge
from execution_broker.domain.negotiation.sharing import within_share
from execution_broker.domain.negotiation.site import Rules, Site
from execution_broker.domain.offer import No, Verdict, Yes
from execution_broker.domain.simulation import MARK, is_marked
from execution_broker.models.message import Message


def negotiate(
    demand: Demand,
    sites: Sequence[Site],
    rules: Rules,
    now: int,
    lookups: Mapping[str, Lookup] = MappingProxyType({}),
    faults: Sequence[Message] = (),
) -> Verdict:
    """A Yes as soon as one site can meet the demand; else a No with the faults of every site.

    `faults`: those that the request has on every site. With any the answer is a No, and the demand
    is judged to tell what else there is.
    The caller leaves out sites whose capability is too old (N2). `now` in whole epoch seconds;
    `lookups` by component key.
    Offers are proposals: the calendars are only as fresh as their caches, so each is checked
    again under the platform's lock before it is stored (B4).
    """
    if not sites:
        return No((*faults, NO_PLATFORM(reason="none has reported lately what it can do")))
    fitting = [site for site in sites if site.takes(demand)]
    if not fitting:
        return No((*faults, _no_such_site(demand, sites)))
    inquiry = Inquiry(demand, lookups, faults)
    judged = [judge(site, inquiry, rules, now) for site in fitting]
    prospects = [prospect for found in judged for prospect in found.prospects]
    if faults or not prospects:
        return _no(faults, judged, rules)
    calendars = {site.name: site.calendar for site in fitting}
    offers = within_share(choose(prospects, rules.offers), calendars)
    offering = {offer.platform for offer in offers}
    plans = {p.trial.site.name: p.trial.plan for p in prospects}
    return Yes(
        offers,
        {name: plan for name, plan in plans.items() if name in offering},
        awaited([*prospects, *_only_full(judged)], offers[0].terms.start, rules),
    )


def _no(faults: Sequence[Message], judged: Sequence[Judgement], rules: Rules) -> No:
    if any(found.prospects for found in judged):
        return No(all_faults(faults, []))
    full = [opening for found in judged for opening in found.full]
    told = all_faults(faults, [found.faults for found in judged])
    return No(told, awaited(full, None, rules) if rules.suggests else None)


def _only_full(judged: Iterable[Judgement]) -> list[Opening]:
    """Where nothing is wrong but that there is no room."""
    return [
        opening
        for found in judged
        for opening in found.full
        if all(fault.kind == NO_CAPACITY.kind for fault in found.faults)
    ]


def _no_such_site(demand: Demand, sites: Sequence[Site]) -> Message:
    """Only real platforms for what is to be simulated, or only simulated ones for what is not."""
    names = ", ".join(site.name for site in sites)
    if is_marked(demand.executable):
        remedy = f"{names} run what is asked for. Leave out {MARK}."
        return NOT_SIMULATED(what="simulate", remedy=remedy, path=EXECUTABLE)
    remedy = f"{names} only simulate, for executables whose location begins with {MARK}."
    return NOT_SIMULATED(what="run", remedy=remedy, path=EXECUTABLE)
