"""Keeps what is measured, and writes it as Prometheus reads it. One object, no global registry."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client import Gauge as Level
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from execution_broker.domain.measures import Measure

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_PREFIX: Final = "broker_"
_BUCKETS: Final = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_TIMED: Final = frozenset({Measure.CLAIM_LATENCY})
_LEVELS: Final = frozenset({Measure.CONNECTIONS, Measure.WAITS})


class Gauge(NamedTuple):
    """How something is now, as the database says. `rows`: label values and a number."""

    name: str
    meaning: str
    labels: tuple[str, ...]
    rows: tuple[tuple[tuple[str, ...], float], ...]


class PrometheusMeter:
    """A Meter. `text` is what `/metrics` answers."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._counters = {
            one: (Level if one in _LEVELS else Counter)(
                _PREFIX + one.word, one.meaning, one.labels, registry=self._registry
            )
            for one in Measure
            if one not in _TIMED
        }
        self._times = {
            one: Histogram(
                f"{_PREFIX}{one.word}_seconds",
                one.meaning,
                one.labels,
                registry=self._registry,
                buckets=_BUCKETS,
            )
            for one in _TIMED
        }

    def measure(self, what: Measure, value: float, *labels: str) -> None:
        if what in _TIMED:
            timed = self._times[what]
            (timed.labels(*labels) if labels else timed).observe(value)
        else:
            counter = self._counters[what]
            (counter.labels(*labels) if labels else counter).inc(value)

    def text(self, gauges: Iterable[Gauge] = ()) -> bytes:
        """Everything, in the text format of Prometheus."""
        now = CollectorRegistry()
        for gauge in gauges:
            now.register(_Gauges(gauge))
        return generate_latest(self._registry) + generate_latest(now)


class _Gauges(Collector):
    """One family of gauges, read once."""

    def __init__(self, gauge: Gauge) -> None:
        self._gauge = gauge

    def collect(self) -> Iterable[Metric]:
        gauge = self._gauge
        family = GaugeMetricFamily(_PREFIX + gauge.name, gauge.meaning, labels=gauge.labels)
        for labels, value in gauge.rows:
            family.add_metric(labels, value)
        yield family
