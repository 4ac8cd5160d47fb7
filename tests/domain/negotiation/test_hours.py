"""Prices that change by the hour: a wide window has a greener offer, and bounds hold at each."""

from typing import Any

import msgspec
from hypothesis import event, given, settings
from hypothesis import strategies as st

from execution_broker.domain.amounts import Booking
from execution_broker.domain.capability import Price
from execution_broker.domain.hours import extremes
from execution_broker.domain.iso8601 import write_epochs
from execution_broker.domain.negotiation import Site, negotiate
from execution_broker.domain.offer import No, Offer, Yes
from execution_broker.domain.reserving import bookings
from execution_broker.models import kinds
from tests.domain import builders
from tests.domain.builders import NOW, RULES, body, cost, follow, has_remedy, requested, site

HOUR = 3600
CARBON = kinds.COST_CARBON
SOLAR = tuple(400.0 - 300.0 * max(0.0, 1 - abs(hour - 12) / 5) for hour in range(24))
"""Grams of carbon dioxide per kWh: least at noon. It is 08:00 now."""


def green(by_hour: tuple[float, ...] = SOLAR, **parts: Any) -> Site:
    return site(prices=(Price(type=CARBON, per_core_hour=0.01, by_hour=by_hour),), **parts)


def asked(hours: float, duration: str = "PT1H", most: float | None = None) -> dict[str, Any]:
    window = write_epochs(NOW, NOW + int(hours * HOUR))
    bound = [] if most is None else [cost(CARBON, max=most)]
    return body(schedule=requested(start=window, duration=duration), costs=bound)


def carbon(offer: Offer) -> float:
    (found,) = (c.max or 0.0 for c in offer.costs["session"] if c.type == CARBON)
    return found


def offers_of(request: dict[str, Any], here: Site) -> tuple[Offer, ...]:
    verdict = negotiate(builders.demand(request), [here], RULES, NOW)
    assert isinstance(verdict, Yes), verdict
    return verdict.offers


def test_a_wide_window_has_a_greener_offer() -> None:
    offers = offers_of(asked(24), green())
    greenest = min(offers, key=carbon)
    assert greenest.terms.start == NOW + 4 * HOUR
    assert carbon(greenest) == 1.0
    assert carbon(offers[0]) > 3 * carbon(greenest)
    assert min(map(carbon, offers_of(asked(1), green()))) > 2.5


def test_a_greener_hour_that_is_full_is_passed_over() -> None:
    here = green()
    here.calendar.add(Booking({"cores": 8}, NOW + 3 * HOUR, NOW + 4 * HOUR + 1800))
    greenest = min(offers_of(asked(24), here), key=carbon)
    assert greenest.terms.start == NOW + 4 * HOUR + 1800 + 5
    here.calendar.add(Booking({"cores": 8}, NOW, NOW + 24 * HOUR))
    greenest = min(offers_of(asked(72), here), key=carbon)
    assert greenest.terms.start == NOW + 28 * HOUR


def test_only_starts_within_the_bound_are_offered() -> None:
    offers = offers_of(asked(24, most=2.0), green())
    assert offers
    assert all(carbon(offer) <= 2.0 for offer in offers)
    assert NOW + HOUR < offers[0].terms.start < NOW + 4 * HOUR


def test_a_bound_that_no_hour_keeps_is_told_the_least_there_is() -> None:
    request = asked(24, most=0.5)
    verdict = negotiate(builders.demand(request), [green()], RULES, NOW)
    assert isinstance(verdict, No)
    (fault,) = verdict.messages
    assert fault.kind.endswith("too-expensive")
    assert float(fault.values["to"]) == 1.0
    (offer,) = offers_of(follow(request, [fault]), green())[:1]
    assert offer.terms.start == NOW + 4 * HOUR


def test_a_flexible_start_is_quoted_for_the_dearest_it_may_come_to() -> None:
    rising = tuple(float(hour) for hour in range(24))
    here = green(rising)
    first = offers_of(asked(0.5), here)[0]
    low, high = extremes(rising, first.terms.start, first.terms.latest, HOUR)
    assert first.terms.start < first.terms.latest
    assert (first.costs["session"][0].min, carbon(first)) == (
        round(0.01 * low, 6),
        round(0.01 * high, 6),
    )


days = st.lists(st.integers(0, 9).map(float), min_size=24, max_size=24).map(tuple)
booked = st.lists(st.tuples(st.integers(0, 20), st.integers(1, 6)), max_size=3)


@settings(max_examples=min(40, settings().max_examples), deadline=None)
@given(
    by_hour=days,
    full=booked,
    minutes=st.integers(10, 300),
    window=st.integers(1, 20),
    most=st.none() | st.floats(0, 0.3),
)
def test_against_trying_every_five_minutes(
    by_hour: tuple[float, ...],
    full: list[tuple[int, int]],
    minutes: int,
    window: int,
    most: float | None,
) -> None:
    """No start that is tried is earlier than the first offer, nor (with nothing booked) greener
    than the greenest."""
    here = green(by_hour)
    for start, length in full:
        here.calendar.add(Booking({"cores": 8}, NOW + start * HOUR, NOW + (start + length) * HOUR))
    request = asked(window, f"PT{minutes}M", most)
    verdict = negotiate(builders.demand(request), [here], RULES, NOW)
    tried = [one for one in every_start(here, window, minutes) if most is None or one[1] <= most]
    event(f"yes: {isinstance(verdict, Yes)}")
    if isinstance(verdict, No):
        assert not tried
        check_remedies(request, here, verdict)
        return
    first = verdict.offers[0]
    assert all(carbon(offer) <= most for offer in verdict.offers if most is not None)
    assert not tried or first.terms.start <= tried[0][0]
    if not full and tried:
        assert min(map(carbon, verdict.offers)) <= min(value for _, value in tried) + 1e-6
    if full and tried:
        assert min(map(carbon, verdict.offers)) <= carbon(first)


def every_start(here: Site, window: int, minutes: int) -> list[tuple[int, float]]:
    """Starts with room, held in full, and the carbon of each."""
    found = []
    shape = builders.terms(duration=60 * minutes, cores=1, memory=1, prepare=10, release=11)
    expires = NOW + RULES.hold
    for start in range(NOW + 10, NOW + window * HOUR, 300):
        latest = max(start, expires + 10)
        terms = msgspec.structs.replace(shape, start=start, latest=latest)
        if latest < NOW + window * HOUR and here.calendar.fits(bookings(terms)):
            by_hour = here.capability.prices[0].by_hour
            high = extremes(by_hour, start, latest, terms.duration)[1]
            found.append((start, round(0.01 * minutes / 60 * high, 6)))
    return found


def check_remedies(request: dict[str, Any], here: Site, verdict: No) -> None:
    if not all(has_remedy(message) for message in verdict.messages):
        return
    room = [m for m in verdict.messages if m.kind.endswith("no-capacity")]
    others = [m for m in verdict.messages if m not in room]
    for way in [[*others, one] for one in room] or [others]:
        changed = builders.demand(follow(request, way))
        assert isinstance(negotiate(changed, [here], RULES, NOW), Yes), way
