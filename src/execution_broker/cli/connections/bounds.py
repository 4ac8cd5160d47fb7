"""How many connections of clients there may be."""

import resource
from typing import Final, NamedTuple

from execution_broker.config import Http

_RESERVE: Final = 256
"""Descriptors for all else: the database, logs, data that is staged, programs that are started."""


class Bounds(NamedTuple):
    """The most connections at a time: in all, and from one address."""

    in_all: int
    of_address: int


def descriptors() -> int:
    """How many files this process may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if soft != resource.RLIM_INFINITY else 1 << 30


def bounds(http: Http, descriptors: int) -> Bounds:
    """What is configured, as far as so many descriptors allow. A part of these is kept for all
    else, and no address has more than half of what is left."""
    in_all = min(http.connections, descriptors - min(_RESERVE, descriptors // 2))
    return Bounds(in_all, max(1, min(http.connections_per_address, in_all // 2)))


def waits(http: Http, bounds: Bounds) -> int:
    """How many of the connections may be used to wait for a change at a time."""
    return min(http.waits, bounds.in_all // 2)
