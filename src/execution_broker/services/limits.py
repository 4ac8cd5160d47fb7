"""What one identity may ask of the broker (B8)."""

from collections.abc import Callable

from execution_broker.domain.errors import TooMany


class RequestRate:
    """At most so many requests a minute for each identity, counted in this process.

    A bucket of that many requests that fills up evenly.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float]) -> None:
        self._most = float(per_minute)
        self._clock = clock
        self._buckets: dict[int, tuple[float, float]] = {}

    def take(self, identity: int) -> None:
        """Count one request. TooMany, with the time to wait, when there were too many."""
        now = self._clock()
        left, then = self._buckets.get(identity, (self._most, now))
        left = min(self._most, left + (now - then) * self._most / 60)
        if left < 1:
            raise TooMany(
                f"More than {self._most:.0f} requests in a minute.",
                "Wait a little and send it again.",
                retry_after=max(1, round((1 - left) * 60 / self._most)),
            )
        self._buckets[identity] = (left - 1, now)
