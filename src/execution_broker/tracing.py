"""Tells OpenTelemetry of requests and steps. Imported only if configured: it needs `otel`."""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final
from uuid import UUID

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from structlog.typing import FilteringBoundLogger

from execution_broker.domain.log_events import LogEvent
from execution_broker.domain.spans import Attempt, Attribute, Outcome, Part, RequestSpan

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER: Final = "_OTHER"
"""What the conventions of OpenTelemetry call a method that nobody knows."""
_ERRORS: Final = frozenset({Outcome.FAILED, Outcome.ERROR, Outcome.INTERRUPTED})
_OUR_FAULT: Final = 500

_QUEUE: Final = 4096
_BATCH: Final = 512
_EVERY: Final = 1000
"""Milliseconds between two batches."""
_ANSWER: Final = 5.0
_LAST_WORDS: Final = 3.0
"""Seconds: what a collector has to answer within, and what the end of the process waits for it."""

_wire: Final = TraceContextTextMapPropagator()


class OpenTelemetryTracer:
    """A Tracer. `ratio` of the traces that begin here are told of, and all that a client says are
    sampled. `clock`: nanoseconds since the epoch."""

    is_tracing: Final = True

    def __init__(
        self, service: str, ratio: float, processor: SpanProcessor, clock: Callable[[], int]
    ) -> None:
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(ratio)),
            resource=Resource({"service.name": service}),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("execution_broker")
        self._clock = clock

    @contextmanager
    def request(self, method: str, given: str | None) -> Iterator[RequestSpan]:
        known = method if method in _METHODS else _OTHER
        span = self._tracer.start_span(
            known, _context(given), SpanKind.SERVER, {Attribute.METHOD: known}
        )
        is_over = False
        try:
            with trace.use_span(span, record_exception=False, set_status_on_exception=False):
                yield _Request(span, known)
            is_over = True
        finally:
            if not is_over:
                span.set_status(Status(StatusCode.ERROR))
            span.end()

    def current(self) -> str | None:
        if not trace.get_current_span().get_span_context().trace_flags.sampled:
            return None
        carrier: dict[str, str] = {}
        _wire.inject(carrier)
        return carrier.get("traceparent")

    def step(self, attempt: Attempt) -> "_Step":
        span = self._tracer.start_span(
            f"step {attempt.kind.word}",
            _context(attempt.origin),
            SpanKind.CONSUMER,
            {
                Attribute.SESSION: str(attempt.session),
                Attribute.STEP_KIND: attempt.kind.word,
                Attribute.PLATFORM: attempt.platform,
                Attribute.ATTEMPT: attempt.number,
            },
        )
        return _Step(self._tracer, span, self._clock)

    def close(self) -> None:
        ending = threading.Thread(target=self._provider.shutdown, daemon=True)
        ending.start()
        ending.join(_LAST_WORDS)


class _Request:
    def __init__(self, span: trace.Span, method: str) -> None:
        self._span = span
        self._method = method

    def answered(self, route: str | None, session: UUID | None, status: int) -> None:
        self._span.set_attribute(Attribute.STATUS, status)
        if route is not None:
            self._span.update_name(f"{self._method} {route}")
            self._span.set_attribute(Attribute.ROUTE, route)
        if session is not None:
            self._span.set_attribute(Attribute.SESSION, str(session))
        if status >= _OUR_FAULT:
            self._span.set_status(Status(StatusCode.ERROR))


class _Step:
    """Ends its parts with itself, so that an attempt is told of as a whole or not at all."""

    def __init__(self, tracer: trace.Tracer, span: trace.Span, clock: Callable[[], int]) -> None:
        self._tracer = tracer
        self._span = span
        self._clock = clock
        self._parts: list[tuple[trace.Span, int]] = []

    @contextmanager
    def part(self, part: Part) -> Iterator[None]:
        span = self._tracer.start_span(part.value, trace.set_span_in_context(self._span, Context()))
        is_over = False
        try:
            yield
            is_over = True
        finally:
            if not is_over:
                span.set_status(Status(StatusCode.ERROR))
            self._parts.append((span, self._clock()))

    def end(self, outcome: Outcome) -> None:
        for span, ended in self._parts:
            span.end(ended)
        self._span.set_attribute(Attribute.OUTCOME, outcome.value)
        if outcome in _ERRORS:
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()


def sending(endpoint: str, token: str | None, log: FilteringBoundLogger) -> SpanProcessor:
    """Sends to a collector (OTLP over HTTP) from a thread of its own and a queue with a bound:
    what does not fit, or does not arrive, is lost."""
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # `traces-lost` says it once
    exporter = OTLPSpanExporter(
        endpoint=f"{endpoint.rstrip('/')}/v1/traces",
        headers={} if token is None else {"Authorization": f"Bearer {token}"},
        timeout=_ANSWER,
    )
    return BatchSpanProcessor(
        _Sender(exporter, log),
        max_queue_size=_QUEUE,
        max_export_batch_size=_BATCH,
        schedule_delay_millis=_EVERY,
    )


class _Sender(SpanExporter):
    """Says once that the collector is away, until it was there again."""

    def __init__(self, exporter: SpanExporter, log: FilteringBoundLogger) -> None:
        self._exporter = exporter
        self._log = log
        self._is_away = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        failed = result is not SpanExportResult.SUCCESS
        if failed and not self._is_away:
            self._log.warning(LogEvent.TRACES_LOST, spans=len(spans))
        self._is_away = failed
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


def _context(traceparent: str | None) -> Context:
    """What the text says; an empty one, in which a new trace begins, if it says nothing valid."""
    carrier = {} if traceparent is None else {"traceparent": traceparent}
    return _wire.extract(carrier, Context())
