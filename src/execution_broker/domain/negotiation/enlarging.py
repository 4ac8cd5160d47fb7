"""The largest offer at a start: as much as there is room for and every bound allows (N7)."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec

from execution_broker.domain.amounts import CORES, MEMORY, STORAGE
from execution_broker.domain.negotiation.bisecting import most_that
from execution_broker.domain.negotiation.bounds import is_kept
from execution_broker.domain.negotiation.judging import Prospect
from execution_broker.domain.negotiation.spreading import spread
from execution_broker.domain.offer import Terms


def grow(prospect: Prospect, least: Terms, rooms: Mapping[str, int]) -> Terms:
    """As many cores, then as much memory, then of each further amount, then storage, as there is
    room for within the most that was asked for and every bound. `rooms`: what is free of each
    amount for as long as these terms book it, however much it is."""
    demand = prospect.demand
    terms = least
    cores = min(demand.cores.max or 0, rooms[CORES])
    terms = _largest(prospect, terms, terms.cores, cores, lambda n: {"cores": n})
    memory = min(demand.memory.max or 0, rooms[MEMORY])
    terms = _largest(prospect, terms, terms.memory, memory, lambda n: {"memory": n})
    for name, size in demand.amounts.items():
        most = min(size.max or 0, rooms[name])
        change = partial(_with_amount, terms, name)
        terms = _largest(prospect, terms, terms.amounts[name], most, change)
    if all(part.size.max is None for part in demand.storage):
        return terms
    wanted = sum(part.size.max or part.size.min for part in demand.storage)
    most = min(prospect.trial.site.most(STORAGE), rooms[STORAGE])
    extra = min(wanted, most) - sum(terms.storage)
    return _largest(prospect, terms, 0, extra, lambda n: {"storage": spread(demand.storage, n)})


def _with_amount(terms: Terms, name: str, number: int) -> dict[str, Any]:
    return {"amounts": {**terms.amounts, name: number}}


def _largest(
    prospect: Prospect,
    terms: Terms,
    low: int,
    high: int,
    change: Callable[[int], dict[str, Any]],
) -> Terms:
    """The terms with the largest change in [low, high] that keeps every bound."""

    def keeps_bounds(number: int) -> bool:
        quote = prospect.trial.quote_terms(msgspec.structs.replace(terms, **change(number)))
        return all(is_kept(bound, quote) for bound in prospect.bounds)

    found = most_that(keeps_bounds, low, high) if prospect.bounds else high
    if found is None or found <= low:
        return terms
    return msgspec.structs.replace(terms, **change(found))
