"""Asks one or several sites, and looks at what they answer."""

from typing import Any

from execution_broker.domain.negotiation import Site, negotiate
from execution_broker.domain.offer import No, Verdict, Yes
from execution_broker.models.message import Message
from tests.domain.builders import NOW, RULES, demand, follow


def verdict_of(request: dict[str, Any], *sites: Site) -> Verdict:
    return negotiate(demand(request), sites, RULES, NOW)


def refused(request: dict[str, Any], *sites: Site) -> list[Message]:
    verdict = verdict_of(request, *sites)
    assert isinstance(verdict, No)
    return list(verdict.messages)


def suggestion(message: Message) -> tuple[str | None, str | None, str | None]:
    return tuple(message.values.get(key) for key in ("path", "from", "to"))  # type: ignore[return-value] # three of them


def only(request: dict[str, Any], here: Site) -> tuple[str | None, str | None, str | None]:
    """The suggestion of the only fault; following it makes a Yes."""
    (fault,) = refused(request, here)
    assert isinstance(verdict_of(follow(request, [fault]), here), Yes)
    return suggestion(fault)
