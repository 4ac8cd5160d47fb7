"""When `broker run` asks again: unanswered offers hold what would start soon, and will lapse."""

import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from execution_broker.cli.context import At
from execution_broker.cli.rejecting import give_back
from execution_broker.cli.starting import SOON, is_soon, start_of

if TYPE_CHECKING:
    from execution_broker.client.requests import Request
    from execution_broker.models.execution import OfferSetResponse
    from execution_broker.models.message import Message

_PAUSE: Final = timedelta(seconds=1)


def ask(at: At, wanted: "Request", latest: datetime | None, *, wait: bool) -> "OfferSetResponse":
    """The answer. Where unanswered offers alone keep its first offer from starting soon enough, it
    is given back, and the request is made again when they have lapsed: until `latest`, or for as
    long as a start is soon."""
    last = latest or at.here().now + SOON
    while True:
        answer = at.client.request(wanted)
        held = None if _is_taken(at, answer, latest, wait=wait) else held_message(answer)
        if held is None:
            return answer
        again = _when_again(at, answer, held, latest, wait=wait)
        if again is None or again > last:
            if answer.offers:  # a NO is shown with all that it says
                _tell(at, held)
            return answer
        _tell(at, held)
        _wait_until(at, again, answer)


def held_message(answer: "OfferSetResponse") -> "Message | None":
    """What the answer says of an earlier start that only unanswered offers hold."""
    from execution_broker.domain.messages import HELD

    told = answer.meta.messages if answer.meta else ()
    return next((message for message in told if message.kind == HELD.kind), None)


def _is_taken(at: At, answer: "OfferSetResponse", latest: datetime | None, *, wait: bool) -> bool:
    here = at.here()
    if not answer.offers:
        return False
    start = start_of(answer.offers[0], here)
    return is_soon(start.planned if start else None, latest, here.now, wait=wait)


def _when_again(
    at: At,
    answer: "OfferSetResponse",
    held: "Message",
    latest: datetime | None,
    *,
    wait: bool,
) -> datetime | None:
    """When there will be a start that is soon enough; None where something else is wrong."""
    from execution_broker.domain.iso8601 import read_instant
    from execution_broker.domain.messages import NO_CAPACITY

    told = answer.meta.messages if answer.meta else ()
    if any(one.level == "ERROR" and one.kind != NO_CAPACITY.kind for one in told):
        return None
    try:
        start, until = (read_instant(held.values[name]) for name in ("start", "until"))
    except (KeyError, ValueError):
        return None
    if not is_soon(max(start, until), latest, until, wait=wait):
        return None
    return max(until, at.here().now + _PAUSE)


def _tell(at: At, held: "Message") -> None:
    from execution_broker.cli.rendering.offers import text_of

    at.err.print(text_of(held, at.here()), soft_wrap=True)


def _wait_until(at: At, again: datetime, answer: "OfferSetResponse") -> None:
    from execution_broker.cli.rendering.words import length, moment, zone

    here = at.here()
    when = f"{moment(again, here)} {zone(here)}, in {length(again - here.now)}"
    at.err.print(f"It is asked again at {when}.", soft_wrap=True)
    give_back(at, answer)
    time.sleep(max((again - at.here().now).total_seconds(), 0))
