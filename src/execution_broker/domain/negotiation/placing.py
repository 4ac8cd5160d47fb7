"""Finds when: the first start with room for a session and within every bound (N5, N6)."""

from collections.abc import Sequence

from execution_broker.domain.amounts import Stretch
from execution_broker.domain.demand import Bound
from execution_broker.domain.hours import DAY, turns
from execution_broker.domain.negotiation.bisecting import least_that, most_that
from execution_broker.domain.negotiation.bounds import is_kept
from execution_broker.domain.negotiation.framing import Frame, Slot
from execution_broker.domain.negotiation.trial import Trial
from execution_broker.domain.offer import Terms
from execution_broker.domain.reserving import Footprint, footprints, stretches_at


class Search:
    """Looks for slots of a frame where one shape fits and every bound is kept. `needed`: what the
    shape books."""

    def __init__(self, trial: Trial, shape: Terms, bounds: Sequence[Bound], frame: Frame) -> None:
        self._trial = trial
        self._shape = shape
        self._bounds = bounds
        self._frame = frame
        self.needed = footprints(shape)
        self._held_longest = self._held_until(frame.expires)

    def first_from(self, earliest: int) -> Slot | None:
        """The first slot, not before `earliest`.

        Held as long as possible; only where there is no room for that, for as long as there is.
        """
        frame = self._frame
        first = max(frame.first, earliest)
        start = self._held_longest.first_from(first)
        if start is not None:
            return Slot(start, frame.expires)
        start = self._held_until(frame.soonest).first_from(first)
        if start is None:
            return None
        longest = most_that(
            lambda expires: self._held_until(expires).fits(start), frame.soonest, frame.expires
        )
        return None if longest is None else Slot(start, longest)

    def _held_until(self, expires: int) -> "Places":
        last = self._frame.last
        return Places(self._trial, self._shape, self.needed, self._bounds, last, expires)


def find(trial: Trial, shape: Terms, bounds: Sequence[Bound], frame: Frame) -> Slot | None:
    """The first slot of the frame where the whole shape fits and every bound is kept."""
    return Search(trial, shape, bounds, frame).first_from(frame.first)


def find_after(
    trial: Trial, shape: Terms, bounds: Sequence[Bound], start: int, horizon: int
) -> int | None:
    """The first start in [start, start + horizon) where the shape fits with a fixed start."""
    last = start + horizon - 1
    return Places(trial, shape, footprints(shape), bounds, last, None).first_from(start)


class Places:
    """Where one shape can be placed, which books what is `needed`, up to a last start. `expires`
    None: at fixed starts."""

    def __init__(
        self,
        trial: Trial,
        shape: Terms,
        needed: tuple[Footprint, ...],
        bounds: Sequence[Bound],
        last: int,
        expires: int | None,
    ) -> None:
        self._trial = trial
        self._shape = shape
        self._needed = needed
        types = trial.changing
        self._bounds = [one for one in bounds if one.what == "cost" and one.type in types]
        self._last = last
        self._expires = expires

    def first_from(self, start: int) -> int | None:
        """The first start, not before this one, with room and within every bound."""
        calendar = self._trial.site.calendar
        while True:
            found = calendar.first_fit(start, self._last, self._wanted)
            if found is None:
                return None
            kept = self._kept_from(found)
            if kept is None or kept == found:
                return kept
            start = kept

    def fits(self, start: int) -> bool:
        """Whether there is room at this start, within every bound."""
        is_kept_here = all(self._keeps(bound, start) for bound in self._bounds)
        return is_kept_here and self._trial.site.calendar.shortage(self._wanted(start)) is None

    def _terms(self, start: int) -> Terms:
        expires = start - self._shape.prepare if self._expires is None else self._expires
        return Slot(start, expires).terms(self._shape)

    def _wanted(self, start: int) -> list[Stretch]:
        latest = start if self._expires is None else max(start, self._expires + self._shape.prepare)
        return stretches_at(self._needed, start, latest)

    def _keeps(self, bound: Bound, start: int) -> bool:
        return is_kept(bound, self._trial.quote_terms(self._terms(start)))

    def _kept_from(self, start: int) -> int | None:
        """The first start, not before this one, at which every bound is kept."""
        while True:
            before = start
            for bound in self._bounds:
                kept = self._bound_kept_from(bound, start)
                if kept is None:
                    return None
                start = kept
            if start == before:
                return start

    def _bound_kept_from(self, bound: Bound, start: int) -> int | None:
        """Between two turns costs rise or fall in a straight line: the end of it tells enough."""
        if self._keeps(bound, start):
            return start
        edge = (self._expires or 0) + self._shape.prepare
        last = min(self._last, max(start, edge) + DAY)
        ends = {last, *turns(self._shape.duration, start + 1, last)}
        for end in sorted(ends | {edge} if start < edge < last else ends):
            if end > start and self._keeps(bound, end):
                return least_that(lambda at: self._keeps(bound, at), start + 1, end)
            start = max(start, end)
        return None
