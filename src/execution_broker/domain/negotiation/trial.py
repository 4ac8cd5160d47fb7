"""A demand on a site with its plan: what it would book and what it would cost, whenever it is."""

from collections.abc import Iterable
from copy import copy

import msgspec

from execution_broker.domain.calendar import Calendar
from execution_broker.domain.demand import COMPUTE, Demand
from execution_broker.domain.negotiation.site import Site
from execution_broker.domain.offer import Terms
from execution_broker.domain.plan import Plan
from execution_broker.domain.planning import Content, bytes_to_stage
from execution_broker.domain.quoting import Quote, changing, quote


class Trial:
    """Tries variants of one demand, that differ in amounts and duration alone.

    `contents`: what is to be staged for it. `changing`: the types of cost that depend on when a
    session starts.
    """

    def __init__(self, site: Site, contents: Iterable[Content], plan: Plan) -> None:
        self.site = site
        self.plan = plan
        self.changing = changing(site.capability)
        self._quotes: dict[tuple[object, ...], Quote] = {}
        self._to_stage = bytes_to_stage(contents, site.capability)
        self._base = Terms(
            start=0,
            latest=0,
            duration=0,
            prepare=plan.prepare_cost(),
            release=plan.release_cost(),
            compute_prepare=plan.component_start(COMPUTE),
            compute_release=plan.component_release(COMPUTE),
            cores=0,
            memory=0,
            outputs=site.capability.outputs,
            retention=site.capability.retention,
        )

    def on(self, calendar: Calendar) -> "Trial":
        """The same trial where something else is booked."""
        other = copy(self)
        other.site = msgspec.structs.replace(self.site, calendar=calendar)
        return other

    def shape(self, demand: Demand) -> Terms:
        """The terms with the least amounts of the demand, for a session that starts at zero."""
        return msgspec.structs.replace(
            self._base,
            duration=int(demand.duration.total_seconds()),
            cores=demand.cores.min,
            memory=demand.memory.min,
            storage=tuple(part.size.min for part in demand.storage),
            amounts={name: size.min for name, size in demand.amounts.items()},
        )

    def quote(self, demand: Demand) -> Quote:
        """The quote for the least amounts of the demand."""
        return self.quote_terms(self.shape(demand))

    def quote_terms(self, terms: Terms) -> Quote:
        """The quote for these terms, made once for all starts unless prices change by the hour."""
        if self.changing:
            return quote(self.site.capability, terms, self._to_stage)
        further = tuple(terms.amounts.items())
        wanted = (terms.duration, terms.cores, terms.memory, terms.storage, further)
        if wanted not in self._quotes:
            self._quotes[wanted] = quote(self.site.capability, terms, self._to_stage)
        return self._quotes[wanted]
