"""How the broker logs: one line an event, for people or for machines, without secrets."""

import logging
import sys
from collections.abc import Iterable
from typing import Any, Final

import msgspec
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor

from execution_broker.cli.redacting import Redaction
from execution_broker.config import Log
from execution_broker.domain.log_events import LogEvent
from execution_broker.models.secrets import PARAMETERS

_QUIET: Final = ("httpx", "httpcore", "alembic", "uvicorn.access", "asyncio")
"""Libraries that log whole addresses, or nothing that an operator needs, below a warning."""

_STAMP: Final = structlog.processors.TimeStamper(fmt="iso", utc=True)


def configure(settings: Log, parameters: Iterable[str] = PARAMETERS) -> None:
    """Send structlog and the standard library's logging to stderr. `parameters`: those of URLs that
    are secret."""
    redaction = Redaction(parameters)
    level = _level(settings)
    common: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        _STAMP,
        structlog.processors.format_exc_info,
        redaction,
    ]
    plain = logging.StreamHandler(sys.stderr)
    plain.setFormatter(formatter(settings, redaction))
    logging.basicConfig(handlers=[plain], level=level, force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*common, _renderer(settings)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def formatter(settings: Log, redaction: Redaction) -> logging.Formatter:
    """For lines of the standard library's logging, which libraries write: tracebacks included."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_logger_name,
            structlog.processors.add_log_level,
            _STAMP,
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            redaction,
            _renderer(settings),
        ],
    )


def access_logger(settings: Log) -> FilteringBoundLogger:
    """For the line that every request has. It must cost little, and its values are words of ours,
    numbers and names of accounts: it looks for no secrets."""
    level = _level(settings) if settings.access else logging.CRITICAL
    render = _json if settings.format == "json" else _text
    logger: FilteringBoundLogger = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _STAMP,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    return logger


def say(settings: Log, event: LogEvent, text: str) -> None:
    """What whoever has started the program waits for: a sentence in a terminal, else a line like
    all others."""
    if settings.format == "json":
        structlog.get_logger().info(event, message=text)
    else:
        sys.stderr.write(f"broker: {text}\n")
        sys.stderr.flush()


def _level(settings: Log) -> int:
    return logging.getLevelNamesMapping().get(settings.level.upper(), logging.INFO)


def _renderer(settings: Log) -> Processor:
    if settings.format == "json":
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())


def _json(_logger: object, _method: str, line: EventDict) -> str:
    return msgspec.json.encode(line).decode()


def _text(_logger: object, _method: str, line: EventDict) -> str:
    fixed = {name: line.pop(name) for name in ("timestamp", "level", "event")}
    values = " ".join(f"{name}={_quoted(value)}" for name, value in line.items())
    return f"{fixed['timestamp']} [{fixed['level']}] {fixed['event']} {values}"


def _quoted(value: Any) -> str:
    text = str(value)
    return text if text and " " not in text else repr(text)
