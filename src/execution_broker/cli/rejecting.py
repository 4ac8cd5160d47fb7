"""`broker reject`: give offers back, one by one, by the answer they belong to, or all there are."""

from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Final
from uuid import UUID

import typer

from execution_broker.cli.completing import complete_offers, read_offer_or_offerset
from execution_broker.cli.context import At
from execution_broker.cli.exits import Exit

if TYPE_CHECKING:
    from execution_broker.models.execution import ExecutionSession, OfferSetResponse
    from execution_broker.models.listing import SessionSummary

_PAGE: Final = 200

Uuids = Annotated[
    list[UUID] | None,
    typer.Argument(
        metavar="UUID...",
        help="UUIDs of offers, or of offer sets: then of all their offers.",
        parser=read_offer_or_offerset,
        autocompletion=complete_offers,
    ),
]
All = Annotated[bool, typer.Option("--all", help="Every unanswered offer that one holds.")]
Replace = Annotated[
    bool,
    typer.Option("--replace", help="Give one's earlier unanswered offers back first."),
]


def reject(at: At, uuids: Uuids = None, everything: All = False) -> Exit:
    """Give offers back, with all that they hold.

    With --json one offer is written as it is, and several as a list. What was answered or has
    expired meanwhile is left out where an offer set or --all is given back.
    """
    from execution_broker.cli.requests import BadRequest

    if everything == bool(uuids):
        raise BadRequest(
            "Either UUIDs or --all say what to reject.", "Give one of both: broker reject --all"
        )
    if everything:
        given_back = reject_all(at)
    else:
        given_back = [session for uuid in uuids or () for session in _rejected(at, uuid)]
    _show(at, given_back, is_one=len(uuids or ()) == len(given_back) == 1)
    return Exit.DONE


def reject_all(at: At) -> "list[ExecutionSession]":
    """Give back every unanswered offer that one holds."""
    return list(_still_open(at, unanswered(at)))


def give_back(at: At, answer: "OfferSetResponse") -> "list[ExecutionSession]":
    """Give back those offers of an answer that are unanswered."""
    from execution_broker.models.phases import SessionPhase

    open_ = (one for one in answer.offers if one.phase is SessionPhase.OFFERED)
    return list(_still_open(at, (one.meta.uuid for one in open_ if one.meta and one.meta.uuid)))


def unanswered(at: At) -> list[str]:
    """The UUIDs of one's own unanswered offers."""
    from execution_broker.client import Which
    from execution_broker.models.phases import SessionPhase

    which, page = Which(phases=(SessionPhase.OFFERED,), limit=_PAGE), None
    found: list[SessionSummary] = []
    while True:
        listed = at.client.sessions(which, page)
        found += listed.sessions
        if listed.next is None or listed.next == page:
            break
        page = listed.next
    if not found:
        return []
    me = at.client.identity().username
    open_ = [one for one in found if one.phase is SessionPhase.OFFERED]
    return [one.uuid for one in open_ if one.owner == me]


def tell_unanswered(at: At, answer: "OfferSetResponse") -> None:
    """Say how many offers one holds beside those of an answer, as they may be in one's own way."""
    from execution_broker.domain.errors import BrokerError

    try:
        held = len(unanswered(at))
    except BrokerError:
        return  # a broker that has no lists has answered what it was asked for
    if held > len(answer.offers):
        at.err.print(f"You hold {held} unanswered offers: broker reject --all", soft_wrap=True)


def _rejected(at: At, uuid: UUID) -> "list[ExecutionSession]":
    """The offer of this name, or those of the offer set."""
    from execution_broker.client import BrokerRefused

    try:
        return [at.client.reject(uuid)]
    except BrokerRefused as error:
        if error.problem.status != HTTPStatus.NOT_FOUND:
            raise
    return give_back(at, at.client.offerset(uuid))


def _still_open(at: At, uuids: Iterable[str]) -> "Iterator[ExecutionSession]":
    from execution_broker.client import BrokerRefused

    for uuid in uuids:
        try:
            yield at.client.reject(uuid)
        except BrokerRefused as error:
            if error.problem.status != HTTPStatus.CONFLICT:
                raise


def _show(at: At, given_back: "list[ExecutionSession]", *, is_one: bool) -> None:
    from execution_broker.cli.rendering.session import heading

    if at.json:
        at.write_json(given_back[0] if is_one else given_back)
        return
    for session in given_back:
        at.out.print(heading(session))
    if not given_back:
        at.err.print("No offer is unanswered: nothing was given back.")
