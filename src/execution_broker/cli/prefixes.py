"""The beginning of a UUID stands for it, where one has only one session that begins so."""

import re
from itertools import islice
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
_MOST: Final = 10_000
"""The newest of one's sessions and offers: older ones are called by their whole UUIDs."""
_SHOWN: Final = 5


class Prefix(msgspec.Struct, frozen=True):
    """What was typed, in lower case: to be made a UUID once there is a broker to ask."""

    text: str


def whole(client: "BrokerClient", prefix: Prefix) -> UUID:
    """The UUID of the caller's session or offer that begins so. NotFound if none does, or several
    do."""
    from execution_broker.client import Which

    found: list[str] = []
    looked, page = 0, None
    while True:
        listed = client.sessions(Which(limit=_PAGE), page)
        found += [one.uuid for one in listed.sessions if one.uuid.startswith(prefix.text)]
        looked += len(listed.sessions)
        page = listed.next
        if page is None or looked >= _MOST or len(found) > _SHOWN:
            break
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


def shortened(uuids: "list[str]") -> dict[str, str]:
    """Each UUID by what is enough to tell it from all others of the list, 8 characters at least."""
    length = 8
    while len({uuid[:length] for uuid in uuids}) < len(set(uuids)):
        length += 1
    return {uuid: uuid[:length].rstrip("-") for uuid in uuids}
