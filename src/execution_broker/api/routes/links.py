"""Where answers lead: along the life of a session, from a request to what it made."""

from collections.abc import Mapping
from typing import Final

from execution_broker.api.routes.base import Link
from execution_broker.models import kinds

_UUID: Final = "$response.body#/meta/uuid"
_SAME: Final = "$request.path.uuid"
_FIRST: Final = "$response.body#/offers/0/meta/uuid"


def _phase(uuid: str, value: str, description: str) -> Link:
    body = {"kind": kinds.ENUM_UPDATE, "path": "phase", "value": value}
    return Link("SessionUpdate", description, {"uuid": uuid}, body)


def _from_session(uuid: str) -> dict[str, Link]:
    return {
        "Session": Link("SessionSelect", "The session as it is now.", {"uuid": uuid}),
        "Events": Link("EventList", "What has happened to it.", {"uuid": uuid}),
        "Results": Link("ResultList", "What it made.", {"uuid": uuid}),
        "Stdout": Link("StdoutSelect", "What it wrote.", {"uuid": uuid}),
        "Stderr": Link("StderrSelect", "What it complained of.", {"uuid": uuid}),
        "Cancel": _phase(uuid, "CANCELLED", "End it."),
    }


OFFERS: Final[Mapping[str, Link]] = {
    "OfferSet": Link("OfferSetSelect", "The offer set as it is now.", {"uuid": _UUID}),
    "FirstOffer": Link("SessionSelect", "The first offer.", {"uuid": _FIRST}),
    "Accept": _phase(_FIRST, "ACCEPTED", "Take the first offer."),
    "Reject": _phase(_FIRST, "REJECTED", "Leave the first offer."),
}
SESSION: Final[Mapping[str, Link]] = _from_session(_UUID)
RESULTS: Final[Mapping[str, Link]] = {
    "FirstResult": Link(
        "ResultSelect",
        "The first of the outputs.",
        {"uuid": _SAME, "path": "$response.body#/results/0/path"},
    )
}
SESSION_PAGE: Final[Mapping[str, Link]] = _from_session("$response.body#/sessions/0/uuid")
OFFERSET_PAGE: Final[Mapping[str, Link]] = {
    "OfferSet": Link(
        "OfferSetSelect", "The first of them.", {"uuid": "$response.body#/offersets/0/uuid"}
    )
}
EVENTS: Final[Mapping[str, Link]] = {
    "Session": Link("SessionSelect", "The session that they are of.", {"uuid": _SAME})
}
ACCOUNT: Final[Mapping[str, Link]] = {
    "Identity": Link("IdentityUpdate", "Change it.", {"uuid": "$response.body#/uuid"})
}
