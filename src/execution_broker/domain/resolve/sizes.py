"""Reads amounts: at least one, the least not above the most, defaults where nothing is said."""

import re
from collections.abc import Mapping
from typing import Final

from execution_broker.domain.amounts import CORES, FURTHER_NAME, MEMORY, STORAGE, UNITS
from execution_broker.domain.demand import Size, amount_place
from execution_broker.domain.messages import NOT_ALLOWED, REVERSED_RANGE
from execution_broker.domain.resolve.report import Report
from execution_broker.models.resources import Range

_NAME: Final = re.compile(FURTHER_NAME)


def read_size(report: Report, place: str, asked: Range | None, default: int, units: str) -> Size:
    """The size asked for at `place`; a faulty one is reported and read as well as can be.

    Without a least it is `default`, or the most where that is less.
    """
    if asked is None or (asked.min is None and asked.max is None):
        report.assume(place, f"{default} {units}")
        return Size(default)
    if asked.min is None:
        most = _at_least(report, f"{place}.max", asked.max, 1)
        least = default if most is None else min(default, most)
        report.assume(f"{place}.min", f"{least} {units}")
        return Size(least, most)
    least = max(asked.min, 1)
    if asked.min < 1:
        _at_least(report, f"{place}.min", asked.min, 1)
    if asked.max is not None and 1 <= asked.max < least:
        report.refuse(
            REVERSED_RANGE(
                place=place,
                min=least,
                max=asked.max,
                path=f"{place}.max",
                from_=asked.max,
                to=least,
            )
        )
        return Size(least, least)
    return Size(least, _at_least(report, f"{place}.max", asked.max, least))


def read_amounts(report: Report, asked: Mapping[str, Range]) -> dict[str, Size]:
    """The further amounts asked for, by name. What has a place of its own is asked for there."""
    places = {CORES: "compute.cores", MEMORY: "compute.memory", STORAGE: "storage"}
    found = {}
    for name, wanted in asked.items():
        place = amount_place(name)
        if name in UNITS:
            where = places.get(name)
            there = f"it is asked for as {where}" if where else "its platform books it by itself"
            report.refuse(NOT_ALLOWED(place=place, reason=there, path=place))
            continue
        if not _NAME.fullmatch(name):
            reason = "an amount has a name of letters, digits, - and _"
            report.refuse(
                NOT_ALLOWED(place="compute.amounts", reason=reason, path="compute.amounts")
            )
            continue
        found[name] = read_size(report, place, wanted, 1, "of them")
    return found


def _at_least(report: Report, place: str, value: int | None, least: int) -> int | None:
    """The value, or `least` for one that is not positive: a fault."""
    if value is None or value >= 1:
        return value
    report.correct(place, value, "an amount must be at least 1", least)
    return least
