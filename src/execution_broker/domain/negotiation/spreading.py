"""Storage together: every resource takes from the same room, and holds the data staged in it."""

from collections.abc import Sequence

import msgspec

from execution_broker.domain.amounts import STORAGE, UNITS
from execution_broker.domain.demand import Size, StorageDemand
from execution_broker.domain.messages import CAPPED, NOT_ALLOWED, TOO_MUCH
from execution_broker.domain.negotiation.site import Case


def fit_storage(case: Case) -> None:
    """Every storage holds its data, and all of it together is what one session can have."""
    _hold_data(case)
    most = case.site.most(STORAGE)
    excess = sum(part.size.min for part in case.demand.storage) - most
    if excess > 0:
        _reduce(case, excess, most)
    _refuse_more(case)
    if excess <= 0:
        _cap(case, -excess)


def spread(storage: Sequence[StorageDemand], extra: int) -> tuple[int, ...]:
    """The least of each storage, and `extra` GiB shared out in order, each up to its most."""
    sizes = []
    for part in storage:
        more = min(extra, (part.size.max or part.size.min) - part.size.min)
        sizes.append(part.size.min + more)
        extra -= more
    return tuple(sizes)


def is_adjustable(part: StorageDemand) -> bool:
    """Whether the client said how large it must be, and may say otherwise."""
    return not part.implied and part.resource.size is not None


def _hold_data(case: Case) -> None:
    """Raise each storage to what is known of its data."""
    for index, floor in enumerate(case.inquiry.floors):
        part = case.demand.storage[index]
        size = part.size
        if size.min < floor:
            most = size.max or (size.min if is_adjustable(part) else floor)
            if most < floor:
                _refuse_small(case, index, size, floor)
            _resize(case, index, Size(floor, size.max and max(size.max, floor)))


def _resize(case: Case, index: int, size: Size) -> None:
    storage = list(case.demand.storage)
    storage[index] = msgspec.structs.replace(storage[index], size=size)
    case.change(storage=tuple(storage))


def _refuse_small(case: Case, index: int, size: Size, floor: int) -> None:
    place = f"{case.demand.storage[index].place}.size"
    bound, asked = ("min", size.min) if size.max is None else ("max", size.max)
    case.relax(
        NOT_ALLOWED(
            place=place,
            reason=f"the data staged in it needs {floor} GiB",
            path=f"{place}.{bound}",
            from_=asked,
            to=floor,
        )
    )


def _reduce(case: Case, excess: int, most: int) -> None:
    """Suggest to take the excess from the largest first, none below its floor."""
    storage = list(case.demand.storage)
    cuts: dict[int, int] = {}
    for index in sorted(range(len(storage)), key=lambda i: -storage[i].size.min):
        spare = storage[index].size.min - case.inquiry.floors[index]
        if is_adjustable(storage[index]) and spare > 0 and excess > 0:
            cuts[index] = min(spare, excess)
            excess -= cuts[index]
    values = {
        "place": "storage",
        "wanted": sum(part.size.min for part in storage),
        "units": UNITS[STORAGE],
        "resource": "storage",
        "platform": case.site.name,
        "limit": most,
    }
    if excess > 0:
        case.refuse(TOO_MUCH(**values, path="storage"))
        return
    for index, cut in sorted(cuts.items()):
        least, greatest = storage[index].size.min, storage[index].size.max
        size = Size(least - cut, greatest)
        storage[index] = msgspec.structs.replace(storage[index], size=size)
        path = f"{storage[index].place}.size.min"
        case.relax(
            TOO_MUCH(**values, path=path, from_=least, to=least - cut), storage=tuple(storage)
        )


def _refuse_more(case: Case) -> None:
    """Where the policy refuses requests that could use more: the most of each that it takes."""
    maximum, storage = case.site.maximum(STORAGE), case.demand.storage
    wanted = sum(part.size.max or part.size.min for part in storage)
    if maximum is None or maximum.over == "cap" or wanted <= maximum.most:
        return
    extra = max(0, maximum.most - sum(part.size.min for part in storage))
    parts = list(storage)
    for index, most in enumerate(spread(storage, extra)):
        asked = storage[index].size
        if asked.max is None or asked.max <= most:
            continue
        parts[index] = msgspec.structs.replace(storage[index], size=Size(asked.min, most))
        fault = TOO_MUCH(
            place=storage[index].place,
            wanted=asked.max,
            units=UNITS[STORAGE],
            resource="storage",
            platform=case.site.name,
            limit=maximum.most,
            path=f"{storage[index].place}.size.max",
            from_=asked.max,
            to=most,
        )
        case.relax(fault, storage=tuple(parts))


def _cap(case: Case, extra: int) -> None:
    """Each storage up to what the others leave, and a remark where that is less than asked."""
    for index, part in enumerate(case.demand.storage):
        most = part.size.min + extra
        if part.size.max is not None and part.size.max > most:
            place = f"{part.place}.size"
            case.remarks.append(
                CAPPED(place=place, wanted=part.size.max, platform=case.site.name, limit=most)
            )
            _resize(case, index, Size(part.size.min, most))
