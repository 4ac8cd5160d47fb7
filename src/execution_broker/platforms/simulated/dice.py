"""Chance that repeats itself: the same session has the same luck, in every process."""

import hashlib
import random
from functools import cached_property

from execution_broker.platforms.simulated.config import (
    Delay,
    Exponential,
    Lognormal,
    Normal,
    Uniform,
)


class Dice:
    """For one thing that may happen: `what` names it. Thrown where anything depends on it."""

    def __init__(self, seed: int, *what: object) -> None:
        self._what = (seed, *what)

    @cached_property
    def digest(self) -> str:
        text = "/".join(str(part) for part in self._what)
        return hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def _random(self) -> random.Random:
        return random.Random(self.digest)  # noqa: S311 - a simulation, no secret

    def happens(self, share: float) -> bool:
        return share > 0 and self._random.random() < share

    def seconds(self, delay: Delay) -> float:
        """How long it takes this time."""
        return max(0.0, self._sample(delay))

    def _sample(self, delay: Delay) -> float:
        match delay:
            case Uniform(low=low, high=high):
                return self._random.uniform(low, high)
            case Normal(mean=mean, deviation=deviation):
                return self._random.gauss(mean, deviation)
            case Lognormal(median=median, sigma=sigma):
                return median * self._random.lognormvariate(0.0, sigma)
            case Exponential(mean=mean):
                return self._random.expovariate(1 / mean) if mean else 0.0
            case float() | int():
                return delay
