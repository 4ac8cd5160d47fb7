"""UUIDs on the command line: read, and completed in the shell by asking the broker."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated, Any, Final
from uuid import UUID

import typer

from execution_broker.cli import context, credentials
from execution_broker.cli.prefixes import LEAST, PREFIX, Prefix

if TYPE_CHECKING:
    from execution_broker.models.listing import SessionSummary
    from execution_broker.models.phases import SessionPhase

Candidates = list[tuple[str, str]]
"""Words, each with what a shell may say about it."""

_PATIENCE: Final = 1.0
"""Seconds for each wait on the network while somebody sits before a half-typed line."""
_MOST: Final = 100


def read_uuid(text: str) -> UUID | Prefix:
    """What was typed as a UUID, or as its beginning; a usage error if it is neither."""
    try:
        return UUID(text)
    except ValueError:
        pass
    if PREFIX.fullmatch(text):
        return Prefix(text.lower())
    raise typer.BadParameter(
        f"{text!r} is not a UUID, nor the first {LEAST} characters of one or more. Copy it out of"
        " `broker list` or `broker request`."
    )


def read_offer_or_offerset(text: str) -> UUID | Prefix:
    """The same, where the UUID of an offer set may be given, too."""
    found = read_uuid(text)
    return Prefix(found.text, of_offersets=True) if isinstance(found, Prefix) else found


def complete_any(ctx: typer.Context, incomplete: str) -> Candidates:
    """One's sessions and offers, the newest first."""
    from execution_broker.models.phases import SessionPhase

    return _complete(ctx, incomplete, SessionPhase)


def complete_live(ctx: typer.Context, incomplete: str) -> Candidates:
    """Those that have not ended."""
    from execution_broker.domain.lifecycle import SESSION_ENDS
    from execution_broker.models.phases import SessionPhase

    return _complete(ctx, incomplete, (p for p in SessionPhase if p not in SESSION_ENDS))


def complete_offers(ctx: typer.Context, incomplete: str) -> Candidates:
    """Offers that can be answered still."""
    from execution_broker.models.phases import SessionPhase

    return _complete(ctx, incomplete, (SessionPhase.OFFERED,))


def _uuid(complete: Callable[[typer.Context, str], Candidates], help_: str) -> Any:
    return typer.Argument(metavar="UUID", help=help_, parser=read_uuid, autocompletion=complete)


Uuid = Annotated[UUID, _uuid(complete_any, "UUID of an offer or a session.")]
LiveUuid = Annotated[UUID, _uuid(complete_live, "UUID of an offer or a session.")]
OfferUuid = Annotated[UUID, _uuid(complete_offers, "UUID of an offer.")]


def _complete(ctx: typer.Context, incomplete: str, phases: "Iterable[SessionPhase]") -> Candidates:
    """Nothing where no broker answers at once: an error here would tear the line that is typed."""
    from execution_broker.domain.errors import BrokerError

    try:
        found = _sessions(ctx.params, tuple(phases))
    except BrokerError:
        return []
    return [(one.uuid, _about(one)) for one in found if one.uuid.startswith(incomplete.lower())]


def _sessions(
    given: dict[str, Any], phases: "tuple[SessionPhase, ...]"
) -> "tuple[SessionSummary, ...]":
    """The first page, asked once, as whoever the line and the environment name."""
    from execution_broker.client import BrokerClient, Which

    url = given.get("url") or context.DEFAULT_URL
    user, password = credentials.found_credentials(
        url,
        given.get("user"),
        given.get("password_file"),
        given.get("password"),
        given.get("data_directory"),
        given.get("data_home"),
    )
    if user and password is None:
        return ()
    with BrokerClient(url, user, password, timeout=_PATIENCE, delays=()) as client:
        return client.sessions(Which(phases=phases, limit=_MOST)).sessions


def _about(one: "SessionSummary") -> str:
    from execution_broker.cli.rendering.words import plain

    return plain(f"{one.phase} {one.name or one.executable or ''}".strip())
