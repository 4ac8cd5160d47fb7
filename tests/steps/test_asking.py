"""How long a step waits before it asks a platform again."""

from datetime import timedelta

import pytest

from execution_broker.steps.base import asked_again


@pytest.mark.parametrize(
    ("hint", "delays", "seconds"),
    [
        (None, 0, 0.2),
        (None, 2, 0.8),
        (None, 50, 2.0),
        (1.25, 9, 1.25),
        (0.0, 0, 0.01),
        (3600.0, 0, 5.0),
    ],
)
def test_as_long_as_the_platform_says_within_bounds(
    hint: float | None, delays: int, seconds: float
) -> None:
    assert asked_again(hint, delays) == timedelta(seconds=seconds)
