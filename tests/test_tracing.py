"""Sending to a collector that is away, or too slow, costs nobody anything but the traces."""

import threading
import time

import structlog
from structlog.testing import LogCapture

from execution_broker.domain.spans import Tracer
from execution_broker.tracing import OpenTelemetryTracer, sending
from tests.harness.collector import collecting

MANY = 10_000


def tracer_to(url: str) -> Tracer:
    processor = sending(url, None, structlog.get_logger())
    return OpenTelemetryTracer("broker", 1.0, processor, time.time_ns)


def tell(tracer: Tracer, number: int) -> None:
    for _ in range(number):
        with tracer.request("GET", None) as span:
            span.answered("/healthz", None, 200)


def test_what_is_left_is_sent_at_the_end() -> None:
    with collecting() as collector:
        tracer = tracer_to(collector.url)
        tell(tracer, 5)
        tracer.close()
        assert [span.name for span in collector.spans()] == ["GET /healthz"] * 5


def test_nobody_waits_for_a_collector_that_does_not_answer() -> None:
    with collecting() as collector:
        collector.stuck = threading.Event()
        tracer = tracer_to(collector.url)
        begun = time.monotonic()
        tell(tracer, MANY)
        tracer.close()
        assert time.monotonic() - begun < 30
        assert collector.bodies == []


def test_that_it_is_away_is_said_once() -> None:
    capture = LogCapture()
    log = structlog.wrap_logger(None, processors=[capture])
    processor = sending("http://127.0.0.1:1", None, log)
    tracer = OpenTelemetryTracer("broker", 1.0, processor, time.time_ns)
    tell(tracer, MANY)
    deadline = time.monotonic() + 60
    while not capture.entries and time.monotonic() < deadline:
        threading.Event().wait(0.02)
    tracer.close()
    assert [line["event"] for line in capture.entries] == ["traces-lost"]


def test_a_token_and_a_path_of_the_collector_are_kept() -> None:
    with collecting() as collector:
        processor = sending(f"{collector.url}/otlp/", "a-token", structlog.get_logger())
        tracer = OpenTelemetryTracer("broker", 1.0, processor, time.time_ns)
        tell(tracer, 1)
        tracer.close()
        assert collector.paths == {"/otlp/v1/traces"}
        assert collector.authorizations == {"Bearer a-token"}
