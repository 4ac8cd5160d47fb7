"""Small worlds to negotiate in, and an oracle that tries everything, second by second.

The oracle knows the rules (N5, N6, B6) as sentences about single seconds and single amounts; it
shares no search with the code it judges.
"""

from collections.abc import Iterator
from itertools import product
from typing import Any

import msgspec
from hypothesis import strategies as st

from execution_broker.domain.amounts import CORES, MEMORY, OUTPUTS, STORAGE, Booking
from execution_broker.domain.capability import Limits, Price, Quality, Timings
from execution_broker.domain.demand import Demand
from execution_broker.domain.iso8601 import write_epochs, write_seconds
from execution_broker.domain.negotiation import Rules, Site
from execution_broker.domain.offer import Offer
from execution_broker.domain.planning import bytes_to_stage, make_plan
from execution_broker.domain.quoting import quote
from execution_broker.models import kinds
from tests.domain import builders
from tests.domain.builders import NOW

RULES = Rules(hold=6, least_hold=2, offers=4)
HORIZON = 120
CARBON = kinds.COST_CARBON
MONETARY = kinds.COST_MONETARY
PERFORMANCE = kinds.METRIC_COMPUTE
THROUGHPUT = kinds.METRIC_THROUGHPUT


class World(msgspec.Struct, frozen=True):
    request: dict[str, Any]
    sites: list[Site]
    booked: dict[str, list[Booking]]


@st.composite
def worlds(draw: st.DrawFn, *, sites: int = 1) -> World:
    names = ["here", "there", "elsewhere"][:sites]
    made = {name: draw(_sites(name)) for name in names}
    return World(
        request=draw(_requests()),
        sites=[site for site, _ in made.values()],
        booked={name: booked for name, (_, booked) in made.items()},
    )


@st.composite
def _sites(draw: st.DrawFn, name: str) -> tuple[Site, list[Booking]]:
    few = st.integers(0, 3)
    capacity = {
        CORES: draw(st.integers(1, 5)),
        MEMORY: draw(st.integers(1, 4)),
        STORAGE: draw(st.integers(0, 5)),
        OUTPUTS: draw(st.integers(1, 2)),
    }
    site = builders.site(
        name,
        capacity=capacity,
        limits=Limits(
            cores=draw(st.none() | st.integers(1, 5)),
            memory=draw(st.none() | st.integers(1, 4)),
            storage=draw(st.none() | st.integers(1, 5)),
            duration=draw(st.none() | st.integers(1, 8)),
        ),
        timings=Timings(
            storage=draw(few),
            executable_here=draw(few),
            compute=draw(few),
            release=draw(few),
            not_here=draw(few),
            throughput=1 << 30,
        ),
        prices=draw(st.sampled_from(PRICES)),
        qualities=draw(st.sampled_from(QUALITIES)),
        outputs=draw(st.integers(0, 1)),
        retention=draw(few),
        executable_after_compute=draw(st.booleans()),
    )
    booked = draw(st.lists(_bookings(capacity), max_size=6))
    for booking in booked:
        site.calendar.add(booking)
    return site, booked


@st.composite
def _bookings(draw: st.DrawFn, capacity: dict[str, int]) -> Booking:
    name = draw(st.sampled_from(sorted(capacity)))
    start = NOW + draw(st.integers(-5, 40))
    amount = draw(st.integers(0, capacity[name]))
    return Booking({name: amount}, start, start + draw(st.integers(1, 30)))


PRICES: list[tuple[Price, ...]] = [
    (),
    (Price(type=MONETARY, per_session=1, per_core_hour=3600, uncertainty=0.1),),
    (
        Price(type=MONETARY, per_memory_hour=720, per_storage_hour=360, per_gib_staged=0.5),
        Price(type=CARBON, per_core_hour=100, uncertainty=0.5),
    ),
]
QUALITIES: list[tuple[Quality, ...]] = [
    (),
    (Quality(type=PERFORMANCE, min=0.7, max=1.1, per_core=True),),
    (
        Quality(type=PERFORMANCE, min=2, max=3),
        Quality(type=THROUGHPUT, min=0.4, max=0.9, per_core=True),
    ),
]


@st.composite
def _requests(draw: st.DrawFn) -> dict[str, Any]:
    stores = draw(st.integers(0, 2))
    homes = draw(st.lists(st.integers(0, stores), max_size=2))
    start = NOW + draw(st.integers(-3, 30))
    window = write_epochs(start, max(start, NOW) + draw(st.integers(1, 40)))
    duration = write_seconds(draw(st.integers(1, 8)))
    parts: dict[str, Any] = {
        "compute": builders.compute(cores=draw(_ranges(4)), memory=draw(_ranges(4))),
        "storage": [builders.storage(f"s{i}", size=draw(_ranges(3))) for i in range(stores)],
        "data": [
            builders.data(storage=None if home == stores else f"s{home}", checks=draw(_checks()))
            for home in homes
        ],
        "schedule": builders.requested(start=window, duration=duration),
        "costs": draw(st.lists(_costs(), max_size=2)),
        "metrics": draw(st.lists(_metrics(), max_size=2)),
    }
    return builders.body(**parts)


@st.composite
def _ranges(draw: st.DrawFn, most: int) -> dict[str, int] | None:
    least = draw(st.integers(1, most))
    return draw(
        st.sampled_from([None, {"min": least}, {"min": least, "max": least + draw(st.integers(0, 3))}])
    )


def _checks() -> st.SearchStrategy[dict[str, int] | None]:
    return st.none() | st.builds(lambda gib: {"size": gib << 30}, st.integers(0, 3))


def _costs() -> st.SearchStrategy[dict[str, Any]]:
    kind = st.sampled_from([MONETARY, CARBON])
    return st.builds(lambda t, most: builders.cost(t, max=most), kind, st.floats(0, 40))


def _metrics() -> st.SearchStrategy[dict[str, Any]]:
    kind = st.sampled_from([PERFORMANCE, THROUGHPUT])
    return st.builds(lambda t, least: builders.metric(t, min=least), kind, st.floats(0, 4))


class Oracle:
    """What one site can offer for a demand, found by trying everything."""

    def __init__(self, demand: Demand, site: Site, booked: list[Booking], now: int = NOW) -> None:
        self.demand = demand
        self.site = site
        self.now = now
        self.plan = make_plan(demand, site.capability, site.lookups)[0]
        self.used = {
            name: [_at(booked, name, now + second) for second in range(-HORIZON, HORIZON)]
            for name in site.capability.capacity
        }

    def earliest(self) -> int | None:
        """The first start that any hold and any amounts allow."""
        return min((start for start, _ in self.slots() if self.has_room(start, _)), default=None)
