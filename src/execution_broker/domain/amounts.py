"""Amounts: the countable things of a platform, and bookings of them over time."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Final, NamedTuple

import msgspec

CORES: Final = "cores"
MEMORY: Final = "memory"
STORAGE: Final = "storage"
OUTPUTS: Final = "outputs"
UNITS: Final[Mapping[str, str]] = {
    CORES: "cores",
    MEMORY: "GiB",
    STORAGE: "GiB",
    OUTPUTS: "MiB",
}

Amounts = Mapping[str, int]
"""Whole numbers by the name of what is counted; a name that is absent counts as zero."""

_SHARED: Final = " of alternatives"

FURTHER_NAME: Final = "^[A-Za-z][A-Za-z0-9_-]{0,62}$"
FurtherName = Annotated[str, msgspec.Meta(pattern=FURTHER_NAME)]
"""What an operator may call an amount beside those in `UNITS`: GPUs, licences."""


def further(amounts: Amounts) -> tuple[str, ...]:
    """The names of those amounts that have no place of their own in a request, in order."""
    names = amounts.keys() - UNITS.keys()
    return tuple(sorted(name for name in names if re.match(FURTHER_NAME, name)))


@cache
def of_alternatives(name: str) -> str:
    """What is counted of an amount for unanswered alternatives: all offers of an answer but its
    first. It can never be asked for: no such name has spaces."""
    return f"{name}{_SHARED}"


def is_shared(name: str) -> bool:
    """Whether this counts what alternatives hold of an amount, and is none by itself."""
    return name.endswith(_SHARED)


def in_words(name: str) -> str:
    """`cores`, `GiB of memory`, `gpus`: what a number is put before."""
    units = UNITS.get(name, name)
    return units if units == name else f"{units} of {name}"


class Booking(msgspec.Struct, frozen=True):
    """Amounts over the half-open interval [start, end), in whole epoch seconds.

    `component` is the key of the component it pays for (`compute`, `storage/0`, `outputs`), or
    None in an envelope that stands for several offers. `shared_from`: since when, until its end, it
    counts against the share of alternatives, too; None: never.
    """

    amounts: dict[str, int]
    start: int
    end: int
    component: str | None = None
    shared_from: int | None = None

    def stretches(self) -> list["Stretch"]:
        """All that it counts as."""
        found = [Stretch(name, self.start, self.end, n) for name, n in self.amounts.items()]
        if self.shared_from is not None:
            since, end = self.shared_from, self.end
            found += [Stretch(of_alternatives(k), since, end, n) for k, n in self.amounts.items()]
        return found


class Stretch(NamedTuple):
    """So much of one amount over the half-open interval [start, end), in whole epoch seconds."""

    name: str
    start: int
    end: int
    amount: int
