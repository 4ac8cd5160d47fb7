"""The window in which a session may start, and how long it must last."""

import pytest

from execution_broker.domain.demand import Demand
from execution_broker.domain.iso8601 import write_epoch, write_epochs
from tests.domain.builders import NOW, body, demand, faults, follow, requested, resolved


@pytest.mark.parametrize(
    ("duration", "to"),
    [
        ("P1M", "PT720H"),
        ("p1m", "PT720H"),
        ("P1Y2M1DT1H", "PT10225H"),
        ("-PT1H", "PT1H"),
        ("PT0S", "PT2H"),
        ("P0Y", "PT2H"),
        ("P999Y", "PT2H"),
        ("P1YX", "PT2H"),
        ("soon", "PT2H"),
        ("", "PT2H"),
        ("PT" + "9" * 5000 + "H", "PT2H"),
    ],
)
def test_durations_that_cannot_be_had(duration: str, to: str) -> None:
    request = body(schedule=requested(duration=duration))
    (fault,) = faults(request)
    assert (fault.values["path"], fault.values["to"]) == ("schedule.requested.duration", to)
    assert len(fault.values["from"]) < 130
    assert isinstance(resolved(follow(request, [fault])), Demand)


HOUR = 3600
DAY = 86400


@pytest.mark.parametrize(
    ("start", "window"),
    [
        (write_epoch(NOW + HOUR), (NOW + HOUR, NOW + HOUR + DAY)),
        (write_epochs(NOW + DAY, NOW + HOUR), (NOW + HOUR, NOW + DAY)),
        (f"{write_epoch(NOW + HOUR)}/P1M", (NOW + HOUR, NOW + HOUR + 30 * DAY)),
        (f"{write_epoch(NOW + HOUR)}/-PT1H", (NOW + HOUR, NOW + 2 * HOUR)),
        (f"{write_epoch(NOW + HOUR)}/soon", (NOW + HOUR, NOW + HOUR + DAY)),
        (write_epochs(NOW - DAY, NOW), (NOW - DAY, NOW + DAY)),
        ("2020-01-01", (NOW, NOW + DAY)),
        ("../2020-01-01", (NOW, NOW + DAY)),
        ("2200-01-01/P1D", (NOW, NOW + DAY)),
        ("2200-01-01", (NOW, NOW + DAY)),
        ("9999-12-31/P2D", (NOW, NOW + DAY)),
        ("2027-02-01T00:00:00.2Z/PT0.5S", (1801440001, 1801440002)),
        ("whenever", (NOW, NOW + DAY)),
        ("/", None),
        ("../..", None),
        ("0001-01-01/..", None),
        ("9998-01-01/..", (NOW, NOW + DAY)),
    ],
)
def test_windows_that_cannot_be_had(start: str, window: tuple[int, int] | None) -> None:
    request = body(schedule=requested(start=start))
    if window is None:
        assert demand(request).window_end == NOW + DAY
        return
    (fault,) = faults(request)
    assert (fault.values["path"], fault.values["to"]) == (
        "schedule.requested.start",
        write_epochs(*window),
    )
    followed = demand(follow(request, [fault]))
    assert (followed.window_start, followed.window_end) == window


def test_a_window_without_end_is_bounded() -> None:
    assert (
        demand(body(schedule=requested(start="../9999-12-31"))).window_end < NOW + 201 * 366 * DAY
    )
