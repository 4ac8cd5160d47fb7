"""What the lines of the log are told of a step that is carried with others (S12)."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from structlog.contextvars import bind_contextvars, reset_contextvars

from execution_broker.storage.records import LeasedStep


@contextmanager
def telling_of(step: LeasedStep, processor: UUID) -> Iterator[None]:
    """Lines that are written in the body name the step, its session and who carries it."""
    before = bind_contextvars(processor=str(processor), step=str(step.uuid), session=step.session)
    try:
        yield
    finally:
        reset_contextvars(**before)
