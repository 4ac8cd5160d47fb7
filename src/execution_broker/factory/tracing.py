"""Tracing as it is configured. OpenTelemetry is imported here, and only if somebody wants it."""

import time

import structlog

from execution_broker.config import Traces
from execution_broker.domain.errors import ConfigurationError
from execution_broker.domain.spans import NoTracer, Tracer


def make_tracer(section: Traces) -> Tracer:
    """Whoever makes it closes it. ConfigurationError where the extra is wanted and missing."""
    if section.endpoint is None:
        return NoTracer()
    try:
        from execution_broker.tracing import OpenTelemetryTracer, sending
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "opentelemetry":
            raise
        raise ConfigurationError(
            "traces.endpoint: OpenTelemetry is not installed.",
            "Run pip install execution-broker[otel], or leave traces.endpoint out.",
        ) from None
    processor = sending(section.endpoint, section.token, structlog.get_logger())
    return OpenTelemetryTracer(section.service, section.ratio, processor, time.time_ns)
