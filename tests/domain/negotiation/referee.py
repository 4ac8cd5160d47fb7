"""A referee that reads the request as it was sent and the site as it is configured, and knows the
rules as sentences: it takes no plan, no quote, no calendar and no search from the code it judges.

It looks at every second of the window, every hold and every amount of cores, or every fixed size.
Memory, storage and further amounts are tried at their least alone: more is neither cheaper, nor
faster, nor easier to find room for.
"""

import math
from collections.abc import Iterator
from itertools import product
from typing import Any

from execution_broker.domain.amounts import Booking
from execution_broker.domain.capability import Capability
from execution_broker.domain.negotiation import Rules
from execution_broker.domain.offer import Offer
from tests.domain.negotiation.asked import Amounts, Wanted, epoch, seconds, wanted
from tests.domain.negotiation.tariff import Tariff

REACH = 200
"""Seconds before and after now that anything booked in a small world can touch."""


class Referee:
    """What one site can do about a request at `now`."""

    def __init__(
        self,
        request: dict[str, Any],
        site: Capability,
        booked: list[Booking],
        rules: Rules,
        now: int,
    ) -> None:
        self.request = request
        self.site = site
        self.rules = rules
        self.now = now
        asked = request["schedule"]["requested"]
        self.opens, self.closes = (epoch(text) for text in asked["start"].split("/"))
        self.duration = seconds(asked["duration"])
        self.cores = wanted(request["compute"].get("cores"))
        self.memory = wanted(request["compute"].get("memory"))
        self.storage = [wanted(one.get("size")) for one in request["storage"]]
        asked_further = request["compute"].get("amounts") or {}
        self.further = {name: wanted(one) for name, one in asked_further.items()}
        self.homes = self._homes()
        self.tariff = Tariff(site, self.duration, sum(size or 0 for size in self._sizes()))
        self._used = {
            name: [
                sum(b.amounts.get(name, 0) for b in booked if b.start <= now + second < b.end)
                for second in range(-REACH, REACH)
            ]
            for name in (*site.capacity, *(f"{one} of alternatives" for one in site.capacity))
        }

    def finds_a_way(self) -> bool:
        """Whether anything at all could be offered."""
        if not self.is_taken:
            return False
        amounts = [one for one in self._amounts() if self._is_within_limits(one)]
        first = max(self.opens, self.now + self.prepare)
        holds = range(self.now + self.rules.least_hold, self.now + self.rules.hold + 1)
        for start in range(first, self.closes):
            for expires, one in product(holds, amounts):
                latest = max(start, expires + self.prepare)
                if latest < self.closes and self._is_fine(one, start, latest):
                    return True
        return False

    def objections(self, offer: Offer) -> list[str]:
        """What speaks against an offer."""
        terms = offer.terms
        amounts: Amounts = (terms.cores, terms.memory, terms.storage, terms.amounts)
        further = [(terms.amounts.get(name, 0), size) for name, size in self.further.items()]
        sizes = [
            (terms.cores, self.cores),
            (terms.memory, self.memory),
            *zip(terms.storage, self.storage, strict=True),
        ]
        flavours = {(one.cores, one.memory) for one in self.site.flavours}
        rules = {
            "the site does not take it": self.is_taken,
            "before the window or the preparation": terms.start
            >= max(self.opens, self.now + self.prepare),
            "early before the window or now": terms.start - terms.early
            >= max(self.opens, self.now),
            "a start that was chosen can move": not terms.early or terms.start < terms.latest,
            "after the window": terms.start <= terms.latest < self.closes,
            "its hold is not what its start allows": terms.latest
            == max(terms.start, offer.expires + self.prepare),
            "held too briefly or too long": self.rules.least_hold
            <= offer.expires - self.now
            <= self.rules.hold,
            "other amounts than asked for": terms.amounts.keys() == self.further.keys(),
            "less than the least": all(given >= size.least for given, size in (*sizes, *further)),
            "more than the most": all(
                self._is_at_most(index, given, size) for index, (given, size) in enumerate(sizes)
            )
            and all(given <= size.top for given, size in further),
            "no size of the site": not flavours or (terms.cores, terms.memory) in flavours,
            "the data does not fit": all(
                given >= need for given, need in zip(terms.storage, self._needs(), strict=True)
            ),
            "another duration": terms.duration == self.duration,
            "beyond limits": self._is_within_limits(amounts),
            "too dear, too slow or no room": self._is_fine(amounts, terms.start, terms.latest),
        }
        return [rule for rule, holds in rules.items() if not holds]

    @property
    def is_taken(self) -> bool:
        """Whether policy and limits let such a request in, whatever its amounts are settled at."""
        policy, limits = self.site.policy, self.site.limits
        stores = sum(max(one.top, need) for one, need in self._stores())
        tops = (
            (policy.cores, self.cores.most or 0),
            (policy.memory, self.memory.most or 0),
            (policy.storage, stores),
            *((policy.amounts.get(name), size.top) for name, size in self.further.items()),
        )
        is_modest = all(
            rule is None or rule.over == "cap" or top <= rule.most for rule, top in tops
        )
        is_plain = not self.request["executable"].get("privileged")
        return (
            is_modest
            and (is_plain or policy.privileged == "allowed")
            and self.duration <= (limits.duration or self.duration)
        )

    def keeps_to_the_share(self, alternatives: list[Offer]) -> bool:
        """Whether these, beside the alternatives of others, hold at no second more than their share
        of anything."""
        for name, capacity in self.site.capacity.items():
            needs = [one for offer in alternatives for one in offer.needs if one.name == name]
            for second in range(-REACH, REACH):
                at = self.now + second
                most = max((n.amount for n in needs if n.start <= at < n.end), default=0)
                others = self._used[f"{name} of alternatives"][second + REACH]
                if most and most + others > capacity * self.site.alternatives:
                    return False
        return True

    @property
    def prepare(self) -> int:
        """Storage before what is staged in it; the executable beside them, or after compute where
        the machine comes first; compute after all the rest."""
        times = self.site.timings
        staged = [0] if not self.storage else [times.storage]
        for gib in self._sizes():
            each = times.not_here if gib is None else math.ceil(gib * 2**30 / times.throughput) + 1
            staged.append(times.storage + each)
        if self.site.executable_after_compute:
            return max(staged) + self._compute_prepare
        return max(*staged, times.executable_here) + self._compute_prepare

    @property
    def _compute_prepare(self) -> int:
        """How long before the start compute is needed."""
        times = self.site.timings
        after = times.executable_here if self.site.executable_after_compute else 0
        return times.compute + after

    def _amounts(self) -> Iterator[Amounts]:
        """All that could be tried."""
        for one, need in self._stores():
            if need > one.top and not one.free:
                return
        stores = tuple(max(one.least, need) for one, need in self._stores())
        further = {name: size.least for name, size in self.further.items()}
        if self.site.flavours:
            for size in self.site.flavours:
                pairs = ((size.cores, self.cores), (size.memory, self.memory))
                if all(n >= w.least and (w.most is None or n <= w.most) for n, w in pairs):
                    yield size.cores, size.memory, stores, further
            return
        for cores in range(self.cores.least, self.cores.top + 1):
            yield cores, self.memory.least, stores, further

    def _is_at_most(self, index: int, given: int, size: Wanted) -> bool:
        """Index 0 is cores, 1 is memory: without a most, fixed sizes may have more of them."""
        if index < 2:
            return given <= size.top or bool(self.site.flavours and size.most is None)
        return given <= max(size.top, self._needs()[index - 2])

    def _is_within_limits(self, amounts: Amounts) -> bool:
        cores, memory, storage, further = amounts
        limits, policy = self.site.limits, self.site.policy
        return all(
            amount
            <= min(
                self.site.capacity[name],
                getattr(limits, name) or amount,
                rule.most if (rule := getattr(policy, name)) else amount,
            )
            for name, amount in (("cores", cores), ("memory", memory), ("storage", sum(storage)))
        ) and all(
            amount
            <= min(
                self.site.capacity.get(name, 0),
                limits.amounts.get(name, amount),
                policy.amounts[name].most if name in policy.amounts else amount,
            )
            for name, amount in further.items()
        )

    def _is_fine(self, amounts: Amounts, start: int, latest: int) -> bool:
        return self._has_room(amounts, start, latest) and self._keeps_bounds(amounts, start, latest)

    def _has_room(self, amounts: Amounts, start: int, latest: int) -> bool:
        """Wherever it starts from `start` to `latest` (B6)."""
        cores, memory, storage, further = amounts
        end, release = latest + self.duration, self.site.timings.release
        compute = start - self._compute_prepare, end + release
        collected = end + release + 1
        gone = collected + 1 + (1 if self.storage else 0)
        needs = (
            ("cores", cores, *compute),
            ("memory", memory, *compute),
            ("storage", sum(storage), start - self.prepare, gone),
            ("outputs", self.site.outputs, start, gone + self.site.retention),
            *((name, amount, *compute) for name, amount in further.items()),
        )
        return all(
            amount + self._most_used(name, since, until) <= self.site.capacity[name]
            for name, amount, since, until in needs
            if amount
        )

    def _most_used(self, name: str, since: int, until: int) -> int:
        """Nothing is booked farther ahead than this sees."""
        first = self.now - REACH
        return max(self._used[name][since - first : until - first], default=0)

    def _keeps_bounds(self, amounts: Amounts, start: int, latest: int) -> bool:
        return all(
            (most := self.tariff.cost(cost["type"], amounts, start, latest)) is not None
            and most <= cost["max"] + 1e-6
            for cost in self.request.get("costs", ())
            if "max" in cost
        ) and all(
            (least := self.tariff.metric(metric["type"], amounts[0])) is not None
            and least >= metric["min"] - 1e-6
            for metric in self.request.get("metrics", ())
            if "min" in metric
        )

    def _homes(self) -> list[int]:
        """The storage of each data resource; those without one get one of their own."""
        names = [one["meta"]["name"] for one in self.request["storage"]]
        homes = []
        for one in self.request["data"]:
            if one["storage"] is None:
                self.storage.append(Wanted(1, free=True))
                homes.append(len(self.storage) - 1)
            else:
                homes.append(names.index(one["storage"]))
        return homes

    def _sizes(self) -> list[float | None]:
        """GiB of each data resource; None if nobody knows."""
        sizes = [(one["checks"] or {}).get("size") for one in self.request["data"]]
        return [None if size is None else size / 2**30 for size in sizes]

    def _needs(self) -> list[int]:
        """GiB that the data of each storage takes, as far as it is known."""
        needs = [0.0] * len(self.storage)
        for home, size in zip(self.homes, self._sizes(), strict=True):
            needs[home] += size or 0
        return [math.ceil(need) for need in needs]

    def _stores(self) -> list[tuple[Wanted, int]]:
        return list(zip(self.storage, self._needs(), strict=True))
