"""The beginning of a UUID stands for it, where one has only one session that begins so."""

import re
from collections.abc import Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, Final
from uuid import UUID

import msgspec

from execution_broker.domain.errors import NotFound

if TYPE_CHECKING:
    from execution_broker.client import BrokerClient

LEAST: Final = 4
"""Characters that are enough to be taken for the beginning of a UUID."""
PREFIX: Final = re.compile(rf"[0-9A-Fa-f][0-9A-Fa-f-]{{{LEAST - 1},35}}")

_PAGE: Final = 200
_PAGES: Final = 50
"""The newest of what one has: what is older is called by its whole UUID."""
_SHOWN: Final = 5


class Prefix(msgspec.Struct, frozen=True):
    """What was typed, in lower case: to be made a UUID once there is a broker to ask.
    `of_offersets`: it may be that of an offer set, too."""

    text: str
    of_offersets: bool = False


def whole(client: "BrokerClient", prefix: Prefix) -> UUID:
    """The UUID of the caller's session or offer, or of the offer set where that may be, that begins
    so. NotFound if none does, or several do."""
    known = chain(_sessions(client), _offersets(client) if prefix.of_offersets else ())
    begun = (uuid for uuid in known if uuid.startswith(prefix.text))
    found = list(islice(begun, _SHOWN + 1))
    if len(found) == 1:
        return UUID(found[0])
    if not found:
        raise NotFound(
            f"None of your sessions and offers has a UUID that begins with {prefix.text}.",
            "See them with `broker list` and `broker list --offers`.",
        )
    raise NotFound(
        f"Several UUIDs begin with {prefix.text}: {', '.join(islice(found, _SHOWN))}"
        f"{' ...' if len(found) > _SHOWN else ''}.",
        "Write more of it.",
    )


def _sessions(client: "BrokerClient") -> Iterator[str]:
    from execution_broker.client import Which

    page = None
    for _ in range(_PAGES):
        listed = client.sessions(Which(limit=_PAGE), page)
        yield from (one.uuid for one in listed.sessions)
        page = listed.next
        if page is None:
            return


def _offersets(client: "BrokerClient") -> Iterator[str]:
    from execution_broker.client import Which

    page = None
    for _ in range(_PAGES):
        listed = client.offersets(Which(limit=_PAGE), page)
        yield from (one.uuid for one in listed.offersets)
        page = listed.next
        if page is None:
            return


def shortened(uuids: "list[str]") -> dict[str, str]:
    """Each UUID by what is enough to tell it from all others of the list, 8 characters at least."""
    length = 8
    while len({uuid[:length] for uuid in uuids}) < len(set(uuids)):
        length += 1
    return {uuid: uuid[:length].rstrip("-") for uuid in uuids}
