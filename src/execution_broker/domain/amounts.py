"""Amounts: the countable things of a platform, and bookings of them over time."""

import re
from collections.abc import Mapping
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

FURTHER_NAME: Final = "^[A-Za-z][A-Za-z0-9_-]{0,62}$"
FurtherName = Annotated[str, msgspec.Meta(pattern=FURTHER_NAME)]
"""What an operator may call an amount beside those in `UNITS`: GPUs, licences."""


def further(amounts: Amounts) -> tuple[str, ...]:
    """The names of those amounts that have no place of their own in a request, in order."""
    names = amounts.keys() - UNITS.keys()
    return tuple(sorted(name for name in names if re.match(FURTHER_NAME, name)))


def in_words(name: str) -> str:
    """`cores`, `GiB of memory`, `gpus`: what a number is put before."""
    units = UNITS.get(name, name)
    return units if units == name else f"{units} of {name}"


class Booking(msgspec.Struct, frozen=True):
    """Amounts over the half-open interval [start, end), in whole epoch seconds.

    `component` is the key of the component it pays for (`compute`, `storage/0`, `outputs`), or
    None in an envelope that stands for several offers.
    """

    amounts: dict[str, int]
    start: int
    end: int
    component: str | None = None


class Stretch(NamedTuple):
    """So much of one amount over the half-open interval [start, end), in whole epoch seconds."""

    name: str
    start: int
    end: int
    amount: int
