"""An oracle that tries everything, second by second.

It knows the rules (N5, N6, B6) as sentences about single seconds and single amounts, and shares no
search with the code it judges.
"""

from collections.abc import Iterator
from itertools import product

from execution_broker.domain.amounts import CORES, MEMORY, OUTPUTS, STORAGE, Booking
from execution_broker.domain.demand import Demand
from execution_broker.domain.negotiation import Site
from execution_broker.domain.offer import Offer
from execution_broker.domain.planning import bytes_to_stage, contents_of, make_plan
from execution_broker.domain.quoting import quote
from tests.domain import builders
from tests.domain.builders import NOW
from tests.domain.negotiation.worlds import RULES

HORIZON = 120
"""Seconds before and after now that anything in a small world can touch."""


class Oracle:
    """What one site can offer for a demand, found by trying everything.

    Memory, storage and further amounts are tried at their least alone: more of them is neither
    cheaper, nor faster, nor easier to find room for.
    """

    def __init__(self, demand: Demand, site: Site, booked: list[Booking]) -> None:
        self.demand = demand
        self.site = site
        self.contents = contents_of(demand, {})
        self.plan = make_plan(demand, self.contents, site.capability, site.waiting)[0]
        self.duration = int(demand.duration.total_seconds())
        self.least = {name: size.min for name, size in demand.amounts.items()}
        self.used = {
            name: [_at(booked, name, NOW + second) for second in range(-HORIZON, HORIZON)]
            for name in site.capability.capacity
        }

    def earliest(self, *, full_hold: bool) -> int | None:
        """The first start with room, held as long as the rules allow, or for however long."""
        least = NOW + RULES.least_hold
        longest = min(NOW + RULES.hold, self.demand.window_end - 1 - self.plan.prepare_cost())
        holds = range(longest if full_hold else least, longest + 1)
        if longest < least:
            return None
        amounts = list(self._amounts())
        first = max(self.demand.window_start, NOW + self.plan.prepare_cost())
        for start in range(first, self.demand.window_end):
            for expires, (cores, memory, storage) in product(holds, amounts):
                latest = max(start, expires + self.plan.prepare_cost())
                if not self.conflicts(start, latest, cores, memory, storage, self.least):
                    return start
        return None

    def faults(self, offer: Offer) -> list[str]:
        """Every way in which an offer breaks what the rules promise."""
        terms, demand, site = offer.terms, self.demand, self.site
        prepare = self.plan.prepare_cost()
        names = sorted(demand.amounts)
        more = [demand.amounts[name] for name in names]
        sizes = [demand.cores, demand.memory, *more, *(part.size for part in demand.storage)]
        further = [terms.amounts.get(name, 0) for name in names]
        given = [terms.cores, terms.memory, *further, *terms.storage]
        needs = self.floors()
        checks = {
            "too early": terms.start >= max(demand.window_start, NOW + prepare),
            "early too early": terms.start - terms.early >= max(demand.window_start, NOW),
            "early though it was chosen": not terms.early or terms.start < terms.latest,
            "too late": terms.start <= terms.latest < demand.window_end,
            "expires at odds": terms.latest == max(terms.start, offer.expires + prepare),
            "held too briefly": offer.expires >= NOW + RULES.least_hold,
            "held too long": offer.expires <= NOW + RULES.hold,
            "too small": all(a >= size.min for a, size in zip(given, sizes, strict=True)),
            "too large": all(
                amount <= max(size.max or size.min, need)
                for amount, size, need in zip(
                    given, sizes, (0, 0, *(0 for _ in names), *needs), strict=True
                )
            ),
            "data does not fit": all(a >= n for a, n in zip(terms.storage, needs, strict=True)),
            "beyond limits": self.is_within_limits(
                terms.cores, terms.memory, terms.storage, terms.amounts
            ),
            "too short": terms.duration == self.duration,
            "no room": not self.conflicts(
                terms.start,
                terms.latest,
                terms.cores,
                terms.memory,
                terms.storage,
                terms.amounts,
            ),
            "out of bounds": self.keeps_bounds(
                terms.cores, terms.memory, terms.storage, terms.amounts
            ),
            "something else": terms.amounts.keys() == demand.amounts.keys(),
            "wrong place": offer.platform == site.name,
        }
        return [fault for fault, is_fine in checks.items() if not is_fine]

    def conflicts(
        self,
        start: int,
        latest: int,
        cores: int,
        memory: int,
        storage: tuple[int, ...],
        further: dict[str, int],
    ) -> list[str]:
        """The amounts of which there are too few, at whatever second."""
        plan, end = self.plan, latest + self.duration
        begin, gone = start - plan.prepare_cost(), end + plan.release_cost()
        compute = (
            start - plan.component_start("compute"),
            end + plan.component_release("compute"),
        )
        kept = start, gone + self.site.capability.retention
        wanted = [
            (CORES, cores, *compute),
            (MEMORY, memory, *compute),
            (STORAGE, sum(storage), begin, gone),
            (OUTPUTS, self.site.capability.outputs, *kept),
            *((name, amount, *compute) for name, amount in further.items()),
        ]
        return [
            name
            for name, amount, since, until in wanted
            if amount
            and amount + self.peak(name, since, until) > self.site.capability.capacity[name]
        ]

    def peak(self, name: str, start: int, end: int) -> int:
        return max(self.used[name][start - NOW + HORIZON : end - NOW + HORIZON], default=0)

    def is_within_limits(
        self, cores: int, memory: int, storage: tuple[int, ...], further: dict[str, int]
    ) -> bool:
        capacity, limits = self.site.capability.capacity, self.site.capability.limits
        most = 10**9
        return (
            cores <= min(capacity[CORES], limits.cores or most)
            and memory <= min(capacity[MEMORY], limits.memory or most)
            and sum(storage) <= min(capacity[STORAGE], limits.storage or most)
            and self.duration <= (limits.duration or most)
            and all(
                amount <= min(capacity.get(name, 0), limits.amounts.get(name, most))
                for name, amount in further.items()
            )
        )

    def keeps_bounds(
        self, cores: int, memory: int, storage: tuple[int, ...], further: dict[str, int]
    ) -> bool:
        shape = builders.terms(
            duration=self.duration, cores=cores, memory=memory, storage=storage, amounts=further
        )
        capability = self.site.capability
        to_stage = bytes_to_stage(self.contents, capability)
        found = quote(capability, shape, to_stage)
        costs = {cost.type: cost.max or 0 for cost in found.costs["session"]}
        metrics = {metric.type: metric.min or 0 for metric in found.metrics["session"]}
        return all(
            bound.type in costs and costs[bound.type] <= bound.limit
            if bound.what == "cost"
            else bound.type in metrics and metrics[bound.type] >= bound.limit
            for bound in self.demand.bounds
        )

    def floors(self) -> tuple[int, ...]:
        """GiB that the data of each storage needs."""
        needs = [0] * len(self.demand.storage)
        for data in self.demand.data:
            checks = data.resource.checks
            needs[data.storage] += (checks and checks.size) or 0
        return tuple(-(-need >> 30) if need % (1 << 30) else need >> 30 for need in needs)

    def _amounts(self) -> Iterator[tuple[int, int, tuple[int, ...]]]:
        memory = self.demand.memory.min
        storage = []
        for part, need in zip(self.demand.storage, self.floors(), strict=True):
            is_free = part.implied or part.resource.size is None
            if need > (part.size.max or part.size.min) and not is_free:
                return
            storage.append(max(part.size.min, need))
        size = self.demand.cores
        for cores in range(size.min, (size.max or size.min) + 1):
            amounts = cores, memory, tuple(storage)
            if self.is_within_limits(*amounts, self.least) and self.keeps_bounds(
                *amounts, self.least
            ):
                yield amounts


def _at(booked: list[Booking], name: str, instant: int) -> int:
    return sum(b.amounts.get(name, 0) for b in booked if b.start <= instant < b.end)
