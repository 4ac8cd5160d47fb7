"""What is said of the properties of a request that have no effect (`models.ignored`)."""

from collections.abc import Iterator

from execution_broker.domain.messages import MORE_UNKNOWN, UNKNOWN_CHECK, UNKNOWN_PROPERTY
from execution_broker.domain.resolve.report import listed
from execution_broker.domain.suggesting import REMOVE
from execution_broker.models.ignored import Ignored, UnknownProperty
from execution_broker.models.message import Message


def remarks_on(ignored: Ignored) -> Iterator[Message]:
    """One for each that is named, and one for all others. Those of the level ERROR refuse the
    request: nothing may go unverified that was to be verified."""
    for one in ignored.named:
        template = UNKNOWN_CHECK if one.is_check else UNKNOWN_PROPERTY
        change = {} if one.is_cut else {"path": one.place}
        if one.is_check and not one.is_cut:
            change |= REMOVE
        yield template(place=one.place, hint=_hint(one), **change)
    if ignored.more:
        yield MORE_UNKNOWN(count=ignored.more)


def _hint(one: UnknownProperty) -> str:
    if one.nearest is not None:
        return f"Did you mean {one.nearest}?"
    return f"Known there: {listed(one.known)}."
