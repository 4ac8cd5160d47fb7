"""How the broker logs: one line an event, for people or for machines, without secrets."""

import logging
import sys
from typing import Final

import structlog

from execution_broker.cli.redacting import RedactingFormatter, redact
from execution_broker.config import Log

_QUIET: Final = ("httpx", "httpcore", "alembic", "uvicorn.access", "asyncio")
"""Libraries that log whole addresses, or nothing that an operator needs, below a warning."""


def configure(settings: Log) -> None:
    """Send structlog and the standard library's logging to stderr."""
    level = logging.getLevelNamesMapping().get(settings.level.upper(), logging.INFO)
    plain = logging.StreamHandler(sys.stderr)
    plain.setFormatter(RedactingFormatter("%(message)s"))
    logging.basicConfig(handlers=[plain], level=level, force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    renderer: structlog.typing.Processor
    if settings.format == "json":
        renderer = structlog.processors.JSONRenderer()
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            redact,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
