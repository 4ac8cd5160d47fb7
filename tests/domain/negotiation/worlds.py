"""Small worlds to negotiate in: a request, one or two sites, and what is booked there already."""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any

import msgspec
from hypothesis import strategies as st

from execution_broker.domain.amounts import CORES, MEMORY, OUTPUTS, STORAGE, Booking
from execution_broker.domain.calendar import Calendar
from execution_broker.domain.capability import Flavour, Limits, Price, Quality, Timings
from execution_broker.domain.iso8601 import to_epoch, write_epochs, write_seconds
from execution_broker.domain.negotiation import Rules, Site
from execution_broker.domain.policy import Maximum, Policy
from execution_broker.models import kinds
from tests.domain import builders
from tests.domain.builders import NOW

RULES = Rules(hold=6, least_hold=2, offers=4, patience=3)
GPUS = "gpus"
CARBON = kinds.COST_CARBON
MONETARY = kinds.COST_MONETARY
PERFORMANCE = kinds.METRIC_COMPUTE
THROUGHPUT = kinds.METRIC_THROUGHPUT


class World(msgspec.Struct, frozen=True):
    request: dict[str, Any]
    sites: list[Site]
    booked: dict[str, list[Booking]]
    now: int = NOW


class Mood(Enum):
    """Whether most worlds say no, with one or many reasons, or most say yes."""

    TIGHT = "tight"
    ROOMY = "roomy"


@st.composite
def worlds(draw: st.DrawFn, mood: Mood, sites: int = 1) -> World:
    made = {name: draw(_sites(name, mood)) for name in ("here", "there", "afar", "beyond")[:sites]}
    return World(
        request=draw(_requests(mood)),
        sites=[site for site, _ in made.values()],
        booked={name: booked for name, (_, booked) in made.items()},
    )


@st.composite
def rich_worlds(draw: st.DrawFn, mood: Mood) -> World:
    """Worlds with all that a site may have beside amounts and prices: fixed sizes, a policy, and
    prices that change with the hour, which ends in the middle of the window."""
    plain = draw(worlds(mood, sites=draw(st.integers(1, 3))))
    shift = 3600 - draw(st.integers(5, 40))
    booked = {
        name: [Booking(one.amounts, one.start + shift, one.end + shift) for one in found]
        for name, found in plain.booked.items()
    }
    sites = []
    for site in plain.sites:
        capability = msgspec.structs.replace(
            site.capability,
            flavours=draw(st.lists(_flavours(), max_size=3).map(tuple)),
            policy=draw(_policies()),
            prices=tuple([draw(_by_hour(price)) for price in site.capability.prices]),
        )
        calendar = Calendar(capability.bookable)
        for booking in booked[site.name]:
            calendar.add(booking)
        sites.append(msgspec.structs.replace(site, capability=capability, calendar=calendar))
    request = plain.request | {"executable": builders.DOCKER | draw(_PRIVILEGED)}
    asked = request["schedule"]["requested"]
    start, end = (to_epoch(datetime.fromisoformat(one)) for one in asked["start"].split("/"))
    item = asked | {"start": write_epochs(start + shift, end + shift)}
    return World(request | {"schedule": {"requested": item}}, sites, booked, NOW + shift)


_PRIVILEGED = st.sampled_from([{}, {}, {}, {"privileged": True}])


def _flavours() -> st.SearchStrategy[Flavour]:
    small = st.integers(1, 5)
    return st.builds(lambda c, m: Flavour(name=f"{c}x{m}", cores=c, memory=m), small, small)


def _policies() -> st.SearchStrategy[Policy]:
    over = st.sampled_from(["cap", "cap", "refuse"])
    most = st.none() | st.none() | st.builds(Maximum, most=st.integers(1, 6), over=over)
    privileged = st.sampled_from(["allowed", "refused"])
    amounts = most.map(lambda one: {} if one is None else {GPUS: one})
    return st.builds(
        Policy, cores=most, memory=most, storage=most, amounts=amounts, privileged=privileged
    )


def _by_hour(price: Price) -> st.SearchStrategy[Price]:
    factors = st.sampled_from([0.5, 1, 2])
    days = st.builds(lambda now, then: (now,) * 9 + (then,) * 15, factors, factors)
    return (st.just(()) | days).map(lambda day: msgspec.structs.replace(price, by_hour=day))


@st.composite
def _sites(draw: st.DrawFn, name: str, mood: Mood) -> tuple[Site, list[Booking]]:
    few = st.integers(0, 3)
    more = 0 if mood is Mood.TIGHT else 3
    capacity = {
        CORES: draw(st.integers(1, 5)) + more,
        MEMORY: draw(st.integers(1, 4)) + more,
        STORAGE: draw(st.integers(0, 5)) + more,
        OUTPUTS: draw(st.integers(1, 2)),
        GPUS: draw(st.integers(0, 3)) + more,
    }
    limits = Limits()
    if mood is Mood.TIGHT and draw(st.booleans()):
        limits = Limits(
            cores=draw(st.none() | st.integers(1, 5)),
            memory=draw(st.none() | st.integers(1, 4)),
            storage=draw(st.none() | st.integers(1, 5)),
            duration=draw(st.none() | st.integers(1, 8)),
            amounts=draw(st.sampled_from([{}, {GPUS: 1}, {GPUS: 2}])),
        )
    site = builders.site(
        name,
        capacity=capacity,
        limits=limits,
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
        alternatives=draw(st.sampled_from([1, 1, 0.5, 0.3, 0])),
    )
    booked = draw(st.lists(_bookings(site.capability.bookable), max_size=6))
    for booking in booked:
        site.calendar.add(booking)
    return site, booked


@st.composite
def _bookings(draw: st.DrawFn, capacity: Mapping[str, int]) -> Booking:
    name = draw(st.sampled_from(sorted(capacity)))
    start = NOW + draw(st.integers(-5, 40))
    amount = draw(st.integers(0, capacity[name]))
    return Booking({name: amount}, start, start + draw(st.integers(1, 30)))


PRICES: list[tuple[Price, ...]] = [
    (),
    (
        Price(type=MONETARY, per_session=1, per_core_hour=3600, uncertainty=0.1),
        Price(type=MONETARY, per_amount_hour={GPUS: 1800}),
    ),
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
def _requests(draw: st.DrawFn, mood: Mood) -> dict[str, Any]:
    stores = draw(st.integers(0, 2))
    homes = draw(st.lists(st.integers(0, stores), max_size=2))
    start = NOW + draw(st.integers(-3, 30))
    shortest = 1 if mood is Mood.TIGHT else 20
    window = write_epochs(start, max(start, NOW) + draw(st.integers(shortest, 40)))
    duration = write_seconds(draw(st.integers(1, 8)))
    parts: dict[str, Any] = {
        "compute": builders.compute(
            cores=draw(_ranges(4)), memory=draw(_ranges(4)), amounts=draw(_further())
        ),
        "storage": [builders.storage(f"s{i}", size=draw(_ranges(2))) for i in range(stores)],
        "data": [
            builders.data(storage=None if home == stores else f"s{home}", checks=draw(_checks()))
            for home in homes
        ],
        "schedule": builders.requested(start=window, duration=duration),
    }
    if draw(st.integers(0, 1 if mood is Mood.TIGHT else 3)) == 1:
        parts["costs"] = draw(st.lists(_costs(), max_size=2))
        parts["metrics"] = draw(st.lists(_metrics(), max_size=2))
    return builders.body(**parts)


def _further() -> st.SearchStrategy[dict[str, Any]]:
    """Mostly nothing, and rarely what no site here counts."""
    some = _ranges(3).filter(lambda size: size is not None)
    names = st.sampled_from([GPUS, GPUS, GPUS, "licences"])
    return st.just({}) | st.just({}) | st.dictionaries(names, some, max_size=1)


@st.composite
def _ranges(draw: st.DrawFn, most: int) -> dict[str, int] | None:
    least = draw(st.integers(1, most))
    return draw(
        st.sampled_from(
            [None, {"min": least}, {"min": least, "max": least + draw(st.integers(0, 3))}]
        )
    )


def _checks() -> st.SearchStrategy[dict[str, int] | None]:
    return st.none() | st.builds(lambda gib: {"size": gib << 30}, st.integers(0, 3))


def _costs() -> st.SearchStrategy[dict[str, Any]]:
    kind = st.sampled_from([MONETARY, CARBON])
    return st.builds(lambda t, most: builders.cost(t, max=most), kind, st.floats(0, 40))


def _metrics() -> st.SearchStrategy[dict[str, Any]]:
    kind = st.sampled_from([PERFORMANCE, THROUGHPUT])
    return st.builds(lambda t, least: builders.metric(t, min=least), kind, st.floats(0, 4))
