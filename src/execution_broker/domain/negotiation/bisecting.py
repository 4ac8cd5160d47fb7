"""The edge of a rule that holds on one side of a whole number and not on the other."""

from bisect import bisect_left
from collections.abc import Callable


def least_that(holds: Callable[[int], bool], low: int, high: int) -> int | None:
    """The least number in [low, high] from which on it holds; None where it holds nowhere."""
    numbers = range(low, high + 1)
    index = bisect_left(numbers, True, key=holds)  # noqa: FBT003 - what is looked for
    return numbers[index] if index < len(numbers) else None


def most_that(holds: Callable[[int], bool], low: int, high: int) -> int | None:
    """The most in [low, high] up to which it holds; None where it holds nowhere."""
    numbers = range(low, high + 1)
    index = bisect_left(numbers, True, key=lambda number: not holds(number))  # noqa: FBT003 - a key, not a switch
    return numbers[index - 1] if index else None
