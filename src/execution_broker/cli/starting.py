"""When `broker run` takes an offer by itself, and when somebody has to say so first."""

import sys
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import typer

from execution_broker.cli.context import At

if TYPE_CHECKING:
    from execution_broker.cli.rendering.words import Here
    from execution_broker.models.execution import ExecutionSession

SOON: Final = timedelta(minutes=10)
"""A session that starts by then is what somebody expects who says `run`. The first notebook on a
machine is said to take five minutes to prepare."""

Wait = Annotated[bool, typer.Option("--wait", help="Take the first offer, however late it starts.")]
StartBy = Annotated[
    str | None,
    typer.Option(
        metavar="WHEN",
        help="Take it only if it starts by then: an instant, or within so long (PT2H, 2h).",
    ),
]


class Start(NamedTuple):
    """When a session starts whose offer is accepted now: as `planned`, or from `earliest` on, where
    all is ready and there is room."""

    earliest: datetime
    planned: datetime


def start_of(offer: "ExecutionSession", here: "Here") -> Start | None:
    """None where the offer does not say. The planned start is the time of the session before its
    planned end, where the offer says that."""
    from execution_broker.domain import iso8601

    schedule = offer.schedule
    available = schedule.available if schedule else None
    if available is None or available.start is None:
        return None
    try:
        earliest, last = iso8601.read_interval(available.start, here.now)
    except ValueError:
        return None
    releasing = schedule.releasing if schedule else None
    try:
        end = iso8601.read_instant(str(releasing.start if releasing else None))
        planned = end - iso8601.read_duration(str(available.duration))
    except ValueError:
        return Start(earliest, earliest)
    is_inside = earliest <= planned and (last is None or planned < last)
    return Start(earliest, planned if is_inside else earliest)


def when_it_starts(start: Start, here: "Here") -> str:
    """`It starts at 21:24 CET, in 4 min 58 s.`"""
    from execution_broker.cli.rendering.words import length, moment, zone

    planned = start.planned
    if planned <= here.now:
        return "It starts as soon as it is ready."
    at = f"at {moment(planned, here)} {zone(here)}, in {length(planned - here.now)}"
    if start.earliest < planned:
        return f"It starts {at}, and before that as soon as it is ready and there is room."
    return f"It starts {at}."


def is_soon(start: datetime | None, latest: datetime | None, now: datetime, *, wait: bool) -> bool:
    """Whether what starts then may be taken without asking anybody."""
    return wait or start is None or start <= (latest or now + SOON)


def is_taken(at: At, start: datetime | None, latest: datetime | None, *, wait: bool) -> bool:
    """Whether to take an offer that starts then. On a terminal somebody is asked, where the start
    is later than a few minutes from now, or than `latest`."""
    from execution_broker.cli.rendering.words import length, moment, zone

    here = at.here()
    if start is None or is_soon(start, latest, here.now, wait=wait):
        return True
    when = f"{moment(start, here)} {zone(here)}, in {length(start - here.now)}"
    if at.json or latest is not None or not (sys.stdin.isatty() and at.err.is_terminal):
        at.err.print(f"The first offer starts at {when}: it is not taken.", soft_wrap=True)
        at.err.print("→ Take it however late it starts: --wait. Say until when: --start-by 2h.")
        return False
    return typer.confirm(f"The first offer starts at {when}. Take it", default=False, err=True)


def read_latest(text: str, now: datetime) -> datetime:
    """The latest start that somebody names: an instant, or how long from now."""
    from execution_broker.cli.requests import BadRequest
    from execution_broker.domain.iso8601 import read_duration

    try:
        if text[:1] in "Pp":
            return now + read_duration(text)
        return datetime.fromisoformat(text).astimezone(now.tzinfo)
    except (ValueError, OverflowError):
        raise BadRequest(
            f"--start-by is {text!r}, which is no time.",
            "Write an instant, 2026-11-22T14:00, or within how long: PT30M, PT2H.",
        ) from None
