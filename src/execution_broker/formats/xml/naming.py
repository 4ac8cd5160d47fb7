"""The names of elements that the structs do not say."""

from collections.abc import Mapping
from typing import Any, Final, get_args

from execution_broker.models.execution import (
    ExecutionRequest,
    ExecutionSession,
    OfferSetResponse,
)
from execution_broker.models.extensions import Problem
from execution_broker.models.update import Update

ITEM: Final = "item"

ITEMS: Final[Mapping[str, str]] = {
    "connectors": "connector",
    "costs": "cost",
    "faults": "i",
    "messages": "message",
    "metrics": "metric",
    "offers": "execution",
}
"""What the items of a list are called, by its property: hints of the published schema, and `i` of
RFC 9457 (appendix B). All others are called `item`."""

PROBLEM: Final = "urn:ietf:rfc:7807"
"""The namespace of problem documents (RFC 9457, appendix B)."""

_ROOTS: Final[Mapping[Any, tuple[str, ...]]] = {
    ExecutionRequest: ("offers-request", "ExecutionRequest"),
    OfferSetResponse: ("offers-response", "OfferSetResponse"),
    ExecutionSession: ("execution", "ScheduledExecutionSession", "AbstractExecutionSession"),
    Problem: ("problem",),
    **dict.fromkeys(
        (Update, *get_args(Update)),
        (
            "update",
            "AbstractUpdate",
            "StringValueUpdate",
            "EnumValueUpdate",
            "IntegerValueUpdate",
            "IntegerDeltaUpdate",
        ),
    ),
}


def item_of(key: str) -> str:
    return ITEMS.get(key, ITEM)


def roots(type_: Any) -> tuple[str, ...]:
    """The root elements that stand for a wire type: the one to write, then others that are read.

    Generators of clients that know no hint write the name of the schema.
    """
    known = _ROOTS.get(type_)
    return known or (_kebab(type_.__name__), type_.__name__)


def _kebab(name: str) -> str:
    return "".join(f"-{char.lower()}" if char.isupper() else char for char in name).lstrip("-")
