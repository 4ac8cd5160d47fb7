"""Asks one or several sites, and looks at what they answer."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from execution_broker.domain.demand import Lookup
from execution_broker.domain.negotiation import Site, negotiate
from execution_broker.domain.offer import No, Verdict, Yes
from execution_broker.models.message import Message
from tests.domain.builders import NOW, RULES, demand, follow


def verdict_of(
    request: dict[str, Any], *sites: Site, lookups: Mapping[str, Lookup] = MappingProxyType({})
) -> Verdict:
    return negotiate(demand(request), sites, RULES, NOW, lookups)


def refused(
    request: dict[str, Any], *sites: Site, lookups: Mapping[str, Lookup] = MappingProxyType({})
) -> list[Message]:
    verdict = verdict_of(request, *sites, lookups=lookups)
    assert isinstance(verdict, No)
    return list(verdict.messages)


def suggestion(message: Message) -> tuple[str | None, str | None, str | None]:
    """Its path, what is there now, and what would do: `remove`, where that is nothing."""
    values = message.values
    return values.get("path"), values.get("from"), values.get("to", values.get("op"))


def only(
    request: dict[str, Any], here: Site, lookups: Mapping[str, Lookup] = MappingProxyType({})
) -> tuple[str | None, str | None, str | None]:
    """The suggestion of the only fault; following it makes a Yes."""
    (fault,) = refused(request, here, lookups=lookups)
    assert isinstance(verdict_of(follow(request, [fault]), here, lookups=lookups), Yes)
    return suggestion(fault)
