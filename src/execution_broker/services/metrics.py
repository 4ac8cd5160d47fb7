"""What `/metrics` answers: what this process counted, and how the database is now."""

from execution_broker.domain.errors import Unavailable
from execution_broker.metering import Gauge, PrometheusMeter
from execution_broker.storage import gauges
from execution_broker.storage.database import Database


class MetricsService:
    """Reads the database once for each text. Where that is away, its counts are told alone."""

    def __init__(self, database: Database, meter: PrometheusMeter) -> None:
        self._database = database
        self._meter = meter

    async def text(self) -> bytes:
        try:
            found = await self._database.read(gauges.numbers)
        except Unavailable:
            return self._meter.text([_up(0)])
        return self._meter.text([_up(1), *_gauges(found)])


def _up(value: int) -> Gauge:
    return Gauge("database_up", "Whether the database answers.", (), (((), value),))


def _gauges(found: gauges.Numbers) -> list[Gauge]:
    where = ("platform", "amount")
    return [
        Gauge("steps", "Steps that can be or are claimed.", ("kind", "phase"), _rows(found.steps)),
        Gauge(
            "steps_failing",
            "Of these, those that have failed and are tried again.",
            ("kind",),
            tuple(found.failing.items()),
        ),
        Gauge("queue_age_seconds", "How long the oldest free step waits.", (), (((), found.age),)),
        Gauge(
            "sessions",
            "Sessions that have not ended.",
            ("phase",),
            tuple(((phase,), number) for phase, number in found.sessions.items()),
        ),
        *(
            Gauge(
                f"capacity_{what}",
                meaning,
                where,
                tuple(((one.platform, one.name), getattr(one, what)) for one in found.booked),
            )
            for what, meaning in (
                ("held", "Booked now for offers."),
                ("confirmed", "Booked now for accepted sessions."),
                ("late", "Of that, what was to be released by now."),
            )
        ),
        Gauge(
            "capacity",
            "What there is in all.",
            where,
            tuple(((one.platform, one.name), one.capacity) for one in found.booked),
        ),
    ]


def _rows(counts: dict[tuple[str, str], int]) -> tuple[tuple[tuple[str, ...], float], ...]:
    return tuple((labels, number) for labels, number in counts.items())
