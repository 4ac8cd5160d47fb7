"""Fixed sizes of compute: which of them are tried for a demand, and what keeps one from fitting."""

from collections.abc import Iterator

from execution_broker.domain.amounts import CORES, MEMORY, UNITS
from execution_broker.domain.capability import Flavour
from execution_broker.domain.demand import COMPUTE, Demand, Size
from execution_broker.domain.messages import FLAVOUR, NOT_ALLOWED, TOO_MUCH
from execution_broker.domain.negotiation.site import Case, Site
from execution_broker.models.message import Message


def usable(site: Site) -> list[Flavour]:
    """The flavours that one session can have here, the smallest first."""
    cores, memory = site.most(CORES), site.most(MEMORY)
    found = [f for f in site.capability.flavours if f.cores <= cores and f.memory <= memory]
    return sorted(found, key=lambda flavour: (flavour.cores, flavour.memory))


def to_try(site: Site, demand: Demand) -> list[Flavour | None]:
    """What may be offered: every flavour that fits, or the one with the fewest faults.

    No flavour (None) where the site gives any size; nothing where none of its own can be had.
    """
    if not site.capability.flavours:
        return [None]
    flavours = usable(site)
    fitting = [f for f in flavours if is_enough(f, demand) and is_within(f, demand)]
    if fitting:
        return list(fitting)
    return list(sorted(flavours, key=lambda one: _misfit(one, demand))[:1])


def no_size(site: Site) -> Message:
    """No size of this site is within its own limits: nothing that is asked for helps."""
    reason = f"none of the sizes of {site.name} is within what one session can have there"
    return NOT_ALLOWED(place=COMPUTE, reason=reason)


def wants_more(demand: Demand) -> bool:
    """Whether more than the least is asked for: then a larger flavour is a choice, too."""
    return demand.cores.max is not None or demand.memory.max is not None


def is_enough(flavour: Flavour, demand: Demand) -> bool:
    return flavour.cores >= demand.cores.min and flavour.memory >= demand.memory.min


def is_within(flavour: Flavour, demand: Demand) -> bool:
    """Whether it has no more than the client can use, where that was said."""
    return _is_within(flavour.cores, demand.cores) and _is_within(flavour.memory, demand.memory)


def fit_flavour(case: Case, flavour: Flavour) -> None:
    """The demand as this flavour: what does not fit is a fault whose remedy fits."""
    for fault in _faults(case, flavour):
        case.relax(fault)
    case.change(cores=Size(flavour.cores), memory=Size(flavour.memory))
    case.remarks.append(
        FLAVOUR(
            platform=case.site.name,
            flavour=flavour.name,
            cores=flavour.cores,
            memory=flavour.memory,
        )
    )


def _is_within(amount: int, asked: Size) -> bool:
    return asked.max is None or amount <= asked.max


def _misfit(flavour: Flavour, demand: Demand) -> tuple[int, ...]:
    """The less the better: how many amounts are too small, or too large, and by how much."""
    sizes = ((flavour.cores, demand.cores), (flavour.memory, demand.memory))
    missing = [max(0, asked.min - amount) for amount, asked in sizes]
    excess = [0 if _is_within(amount, asked) else 1 for amount, asked in sizes]
    too_small = sum(1 for amount in missing if amount)
    return too_small, sum(excess), *missing, flavour.cores, flavour.memory


def _faults(case: Case, flavour: Flavour) -> Iterator[Message]:
    sizes = (
        (CORES, "compute", flavour.cores, case.demand.cores),
        (MEMORY, "memory", flavour.memory, case.demand.memory),
    )
    for name, resource, amount, asked in sizes:
        place = f"{COMPUTE}.{name}"
        if amount < asked.min:
            yield TOO_MUCH(
                place=place,
                wanted=asked.min,
                units=UNITS[name],
                resource=resource,
                platform=case.site.name,
                limit=amount,
                path=f"{place}.min",
                from_=asked.min,
                to=amount,
            )
        elif not _is_within(amount, asked):
            reason = (
                f"{case.site.name} has fixed sizes, and the smallest that would do "
                f"has {amount} {UNITS[name]}"
            )
            path = f"{place}.max"
            yield NOT_ALLOWED(place=place, reason=reason, path=path, from_=asked.max, to=amount)
