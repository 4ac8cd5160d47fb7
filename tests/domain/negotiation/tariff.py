"""What a site says a session costs, and how good it is, read from its configuration alone."""

from dataclasses import dataclass

from execution_broker.domain.capability import Capability
from tests.domain.negotiation.asked import Amounts


@dataclass(frozen=True)
class Tariff:
    """`duration` in seconds; `gib` are staged, as far as that is known."""

    site: Capability
    duration: int
    gib: float

    def cost(self, type_: str, amounts: Amounts, start: int, latest: int) -> float | None:
        """The most it may come to; None where the site says nothing of such costs."""
        prices = [price for price in self.site.prices if price.type == type_]
        if not prices:
            return 0 if "monetary" in type_ and not self._quotes("monetary") else None
        cores, memory, storage, further = amounts
        hours = self.duration / 3600
        return sum(
            (
                one.per_session
                + one.per_core_hour * cores * hours
                + one.per_memory_hour * memory * hours
                + one.per_storage_hour * sum(storage) * hours
                + one.per_gib_staged * self.gib
                + sum(one.per_amount_hour.get(name, 0) * n for name, n in further.items()) * hours
            )
            * self._factor(one.by_hour, start, latest)
            * (1 + one.uncertainty)
            for one in prices
        )

    def _quotes(self, word: str) -> bool:
        return any(word in price.type for price in self.site.prices)

    def _factor(self, by_hour: tuple[float, ...], start: int, latest: int) -> float:
        """The greatest mean over the session, second by second, for every start there is."""
        if not by_hour:
            return 1
        return max(
            sum(by_hour[second // 3600 % 24] for second in range(one, one + self.duration))
            / self.duration
            for one in range(start, latest + 1)
        )

    def metric(self, type_: str, cores: int) -> float | None:
        for one in self.site.qualities:
            if one.type == type_:
                return one.min * (cores if one.per_core else 1)
        known = any("compute-performance" in one.type for one in self.site.qualities)
        return cores if "compute-performance" in type_ and not known else None
