"""How the broker logs: one line an event, for people or for machines, without secrets."""

import logging
import sys
from collections.abc import Iterable
from typing import Final

import structlog

from execution_broker.cli.redacting import RedactingFormatter, Redaction
from execution_broker.config import Log
from execution_broker.models.secrets import PARAMETERS

_QUIET: Final = ("httpx", "httpcore", "alembic", "uvicorn.access", "asyncio")
"""Libraries that log whole addresses, or nothing that an operator needs, below a warning."""


def configure(settings: Log, parameters: Iterable[str] = PARAMETERS) -> None:
    """Send structlog and the standard library's logging to stderr. `parameters`: those of URLs that
    are secret."""
    redaction = Redaction(parameters)
    level = logging.getLevelNamesMapping().get(settings.level.upper(), logging.INFO)
    plain = logging.StreamHandler(sys.stderr)
    plain.setFormatter(RedactingFormatter("%(message)s", redaction))
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
            redaction,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
