"""`broker compare`: one request to many brokers, and what one gives for what among the offers."""

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import typer

from execution_broker.cli.asking import asking
from execution_broker.cli.context import Output, unconnected
from execution_broker.cli.credentials import read_password
from execution_broker.cli.exits import Exit
from execution_broker.cli.teaching import teach

if TYPE_CHECKING:
    from execution_broker.client.comparing import Bid, Broker, Comparison
    from execution_broker.client.requests import Request

Brokers = Annotated[
    Path,
    typer.Option(
        "--brokers",
        metavar="FILE",
        envvar="BROKER_BROKERS",
        help="TOML with a table [brokers.NAME] for each: url, and user and password_file, or "
        "token_file.",
    ),
]
Deadline = Annotated[
    float,
    typer.Option(metavar="SECONDS", min=0.1, help="How long each broker has for its answer."),
]
Take = Annotated[
    Literal["earliest", "cheapest"] | None,
    typer.Option(
        metavar="earliest|cheapest", help="Accept this offer at once and let go of all others."
    ),
]
LetGo = Annotated[bool, typer.Option("--let-go", help="Give all offers back once they are shown.")]


class _Named(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One table of the file."""

    url: str
    user: str | None = None
    password_file: str | None = None
    token_file: str | None = None


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    brokers: dict[str, _Named]


def add_commands(app: typer.Typer) -> None:
    """Register the command with its examples."""
    teach(
        app,
        "For users",
        "compare",
        unconnected(asking(compare)),
        "broker compare request.yaml --brokers brokers.toml",
        "broker compare request.yaml --brokers brokers.toml --take cheapest",
    )


def compare(
    where: Output,
    wanted: "Request",
    brokers: Brokers,
    deadline: Deadline = 20.0,
    take: Take = None,
    let_go: LetGo = False,
) -> Exit:
    """Ask many brokers at once, and say what each offer gives for what.

    A broker that is too slow, or whose offers are not what was asked for, is named and left out.
    Offers hold capacity until they expire: accept one, or let go of them with --let-go.
    """
    from execution_broker.cli.requests import BadRequest
    from execution_broker.client import comparing

    if take is not None and let_go:
        raise BadRequest("--take and --let-go exclude each other.", "Give one of them.")
    asked = read_brokers(brokers, deadline)
    found = comparing.compare(wanted, asked)
    taken = _chosen(found, take)
    others = [bid for bid in found.bids if bid is not taken]
    if taken is not None:
        comparing.accept(taken, asked)
    untold = comparing.let_go(others, asked) if taken is not None or let_go else ()
    _show(where, found, asked, taken, held=taken is None and not let_go)
    for refusal in untold:
        where.err.print(f"{refusal.broker} keeps an offer: {refusal.reason}", soft_wrap=True)
    return Exit.DONE if found.bids else Exit.NO


def read_brokers(file: Path, deadline: float) -> "list[Broker]":
    """The brokers of a file, in its order. BadRequest names what is wrong with it."""
    from execution_broker.cli.requests import BadRequest
    from execution_broker.client.comparing import Broker

    try:
        values: Any = tomllib.loads(file.read_text("utf-8"))
        named = msgspec.convert(values, _File, strict=False).brokers
    except OSError as error:
        raise BadRequest(f"{file} cannot be read: {error.strerror}.", "Give a TOML file.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise BadRequest(
            f"{file} does not name brokers: {error}.",
            'Write a table for each: [brokers.NAME] and url = "https://...".',
        ) from None
    return [
        Broker(
            name=name,
            url=one.url,
            username=one.user,
            password=_secret(file, one.password_file),
            token=_secret(file, one.token_file),
            deadline=deadline,
        )
        for name, one in named.items()
    ]


def _secret(file: Path, named: str | None) -> str | None:
    """What is in a file that this one names, beside it if the name is relative."""
    return None if named is None else read_password(file.parent / named)


def _chosen(found: "Comparison", take: str | None) -> "Bid | None":
    from execution_broker.client.comparing import cheapest
    from execution_broker.models import kinds

    if take is None or not found.bids:
        return None
    if take == "earliest":
        return found.bids[0]
    return cheapest(found.bids, kinds.COST_MONETARY) or found.bids[0]


def _show(
    where: Output, found: "Comparison", asked: "list[Broker]", taken: "Bid | None", *, held: bool
) -> None:
    from execution_broker.cli.rendering.comparison import as_values, comparison, hints

    if where.json:
        where.write_json(as_values(found, taken))
        return
    where.out.print(comparison(found, where.here()))
    if taken is not None:
        where.out.print(f"Accepted {taken.uuid} of {taken.broker}; all others are let go.")
    elif held and found.bids:
        where.out.print(hints(found, {broker.name: broker.url for broker in asked}))
