"""What there is too much of: counted each time, and told to the operator now and then."""

from collections.abc import Callable
from typing import Final

from structlog.typing import FilteringBoundLogger

from execution_broker.domain.log_events import LogEvent
from execution_broker.domain.measures import Measure, Meter
from execution_broker.domain.rarely import Rarely

_SELDOM: Final = 10.0


class Excess:
    """`clock` in seconds, from any instant on."""

    def __init__(self, log: FilteringBoundLogger, meter: Meter, clock: Callable[[], float]) -> None:
        self._log = log
        self._meter = meter
        self._clock = clock
        self._rarely = Rarely(_SELDOM)

    def refuse(self, what: str, bound: str, most: int, address: str | None = None) -> None:
        """One more is refused, as there are already the `most` that `bound` allows."""
        self._meter.measure(Measure.TOO_MANY, 1, what, bound)
        self.tell(what, bound, most, address)

    def tell(self, what: str, bound: str, most: int, address: str | None = None) -> None:
        """A bound is reached, whatever follows from that."""
        times = self._rarely.count((what, bound), self._clock())
        if times is not None:
            self._log.warning(
                LogEvent.TOO_MANY, what=what, bound=bound, most=most, address=address, times=times
            )
