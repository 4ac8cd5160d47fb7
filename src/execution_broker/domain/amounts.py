"""Amounts: the countable things of a platform, and bookings of them over time."""

from collections.abc import Mapping
from typing import Final

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


class Booking(msgspec.Struct, frozen=True):
    """Amounts over the half-open interval [start, end), in whole epoch seconds.

    `component` is the key of the component it pays for (`compute`, `storage/0`, `outputs`), or
    None in an envelope that stands for several offers.
    """

    amounts: dict[str, int]
    start: int
    end: int
    component: str | None = None
