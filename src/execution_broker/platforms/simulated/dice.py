"""Chance that repeats itself: the same session has the same luck, in every process."""

import hashlib
import random

from execution_broker.platforms.simulated.config import (
    Delay,
    Exponential,
    Lognormal,
    Normal,
    Uniform,
)


class Dice:
    """Thrown for one thing that may happen: `what` names it."""

    def __init__(self, seed: int, *what: object) -> None:
        text = "/".join(str(part) for part in (seed, *what))
        self.digest = hashlib.sha256(text.encode()).hexdigest()
        self._random = random.Random(self.digest)  # noqa: S311 - a simulation, no secret

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
