"""Commands that look back: `broker list` and `broker events`."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Final, Protocol, TypeVar
from uuid import UUID

import typer

from execution_broker.cli.completing import Uuid
from execution_broker.cli.context import At, connected
from execution_broker.cli.exits import Exit
from execution_broker.cli.teaching import teach
from execution_broker.models.phases import SessionPhase

if TYPE_CHECKING:
    from rich.console import RenderableType

    from execution_broker.cli.rendering.words import Here
    from execution_broker.client import Which
    from execution_broker.models.listing import Event, OfferSetSummary, SessionSummary

T = TypeVar("T")


class _Page(Protocol):
    """`next`: where the page after it begins; None for the last."""

    @property
    def next(self) -> str | None: ...


P = TypeVar("P", bound=_Page)

_PANEL: Final = "For users"
OFFERS: Final = (SessionPhase.OFFERED, SessionPhase.REJECTED, SessionPhase.EXPIRED)
SESSIONS: Final = tuple(phase for phase in SessionPhase if phase not in OFFERS)
_EXAMPLE: Final = "4f1c5a9e-8d0b-4b5e-9a55-0c8f5b7f2d11"
_LARGEST_PAGE: Final = 200

Offers = Annotated[
    bool, typer.Option("--offers", help="Offers instead: unanswered, refused and expired ones.")
]
OfferSets = Annotated[
    bool, typer.Option("--offersets", help="The answers to one's requests instead.")
]
Phase = Annotated[
    list[SessionPhase] | None,
    typer.Option(metavar="PHASE", case_sensitive=False, help="In this phase. May be repeated."),
]
Name = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Called so, or what it runs is."),
]
Since = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Made then or later: an instant, or how long ago (1d)."),
]
Until = Annotated[
    str | None, typer.Option(metavar="TIME", help="Made before that, in the same way.")
]
Limit = Annotated[
    int, typer.Option("--limit", "-n", metavar="N", min=1, help="The most to show, newest first.")
]
Follow = Annotated[
    bool, typer.Option("--follow", "-f", help="Go on until nothing more can happen.")
]


def add_commands(app: typer.Typer) -> None:
    """Register the commands with their examples."""
    teach(
        app,
        _PANEL,
        "list",
        connected(show_list),
        "broker list",
        "broker list --phase RUNNING --phase PREPARING",
        "broker list --name fit --since P7D",
        "broker list --offers",
        "broker list --offersets --limit 5 --json",
    )
    teach(
        app,
        _PANEL,
        "events",
        connected(events),
        f"broker events {_EXAMPLE}",
        f"broker events {_EXAMPLE} --follow",
    )


def show_list(
    at: At,
    offers: Offers = False,
    offersets: OfferSets = False,
    phase: Phase = None,
    name: Name = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
) -> Exit:
    """List one's sessions, the newest first; the administrator sees everybody's.

    A time without a zone is that of this machine. In a narrow terminal UUIDs are shortened: their
    beginnings are taken by every command, as long as they are unique.
    """
    from execution_broker.cli.rendering import listing
    from execution_broker.cli.requests import BadRequest
    from execution_broker.client import Which

    now = at.here().now
    which = Which(
        phases=() if offersets else tuple(phase or (OFFERS if offers else SESSIONS)),
        name=name or "",
        since=None if since is None else read_time("--since", since, now),
        until=None if until is None else read_time("--until", until, now),
        limit=min(limit, _LARGEST_PAGE),
    )
    if offers and (phase or offersets):
        raise BadRequest(
            "--offers says which phases are listed.", "Leave --phase and --offersets out."
        )
    if offersets and (phase or name):
        raise BadRequest(
            "An offer set has neither a phase nor a name.",
            "Leave --phase and --name out, or list sessions, without --offersets.",
        )
    if not offersets:
        return _show(at, _sessions(at, which), limit, listing.sessions)
    return _show(at, _offersets(at, which), limit, listing.offersets)


def events(at: At, uuid: Uuid, follow: Follow = False) -> Exit:
    """Show what has happened to a session: phases, messages, ends of steps, the oldest first.

    With --json one list; with --follow too, one event on each line, as it comes.
    """
    if follow:
        for event in at.client.follow_events(uuid):
            _show_event(at, event)
        return Exit.DONE
    found = list(_events(at, uuid))
    if at.json:
        at.write_json(found)
        return Exit.DONE
    for event in found:
        _show_event(at, event)
    return Exit.DONE


def read_time(option: str, text: str, now: datetime) -> datetime:
    """An instant, or how long before now; a usage error if it is neither."""
    from execution_broker.cli.requests import BadRequest
    from execution_broker.cli.typed import read_length

    with suppress(ValueError, OverflowError):
        return datetime.fromisoformat(text).astimezone(UTC)
    with suppress(ValueError, OverflowError):
        return now - read_length(text)
    raise BadRequest(
        f"{option} is {text!r}, which is no time.",
        "Write an instant, 2026-11-22T14:00 or 2026-11-22, or how long ago: 6h, 7d, PT6H.",
    )


def _show(
    at: At,
    found: "Iterable[T]",
    limit: int,
    table: "Callable[[Sequence[T], Here, int], RenderableType]",
) -> Exit:
    shown = list(islice(found, limit + 1))
    if at.json:
        at.write_json(shown[:limit])
        return Exit.DONE
    at.out.print(table(shown[:limit], at.here(), at.out.width))
    if len(shown) > limit:
        at.err.print(f"There are more than these {limit}. See more of them with --limit.")
    return Exit.DONE


def _show_event(at: At, event: "Event") -> None:
    from execution_broker.cli.rendering.listing import event as line

    if at.json:
        at.write_json_line(event)
    else:
        at.out.print(line(event, at.here()), soft_wrap=True)


def _sessions(at: At, which: "Which") -> "Iterator[SessionSummary]":
    return _following(lambda place: at.client.sessions(which, place), lambda page: page.sessions)


def _offersets(at: At, which: "Which") -> "Iterator[OfferSetSummary]":
    return _following(lambda place: at.client.offersets(which, place), lambda page: page.offersets)


def _following(
    ask: "Callable[[str | None], P]", entries: "Callable[[P], Iterable[T]]"
) -> "Iterator[T]":
    """What is on every page; one may be empty and have a next one."""
    place: str | None = None
    while True:
        page = ask(place)
        yield from entries(page)
        if page.next is None or page.next == place:
            return
        place = page.next


def _events(at: At, uuid: UUID) -> "Iterator[Event]":
    """As far as the log goes now: that of a session that lives always has a next page."""
    place: str | None = None
    while True:
        page = at.client.events(uuid, place)
        yield from page.events
        if page.next is None or not page.events:
            return
        place = page.next
