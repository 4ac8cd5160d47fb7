"""`broker change`: more time for a session or less, another size, another name."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Final

import typer

from execution_broker.cli.completing import LiveUuid
from execution_broker.cli.context import At
from execution_broker.cli.exits import Exit

if TYPE_CHECKING:
    from execution_broker.models.update import Update

_DURATION: Final = "schedule.available.duration"

Duration = Annotated[
    str | None, typer.Option(metavar="DURATION", help="How long it is to take in all: 2h.")
]
Longer = Annotated[
    str | None, typer.Option(metavar="DURATION", help="By how much longer it may take: 30m.")
]
Shorter = Annotated[
    str | None, typer.Option(metavar="DURATION", help="By how much shorter it is to be.")
]
Cores = Annotated[int | None, typer.Option(metavar="N", help="How many cores it has.")]
Memory = Annotated[
    str | None,
    typer.Option(metavar="SIZE", help="How much memory it has, in GiB or with a unit: 8, 8GB."),
]
Amount = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=N", help="How many it has of what else is counted: gpus=1. May be repeated."
    ),
]
Name = Annotated[str | None, typer.Option(metavar="NAME", help="What it is called.")]
Description = Annotated[str | None, typer.Option(metavar="TEXT", help="What it is about.")]


def change(
    at: At,
    uuid: LiveUuid,
    longer: Longer = None,
    shorter: Shorter = None,
    duration: Duration = None,
    cores: Cores = None,
    memory: Memory = None,
    amount: Amount = None,
    name: Name = None,
    description: Description = None,
) -> Exit:
    """Change how long an offer or a session takes, its size, or its name.

    Of an offer everything can be changed while there is room, of a session what its platform can
    change. What cannot be is refused, and nothing else is disturbed. Several changes are made one
    after the other, until one is refused.
    """
    from execution_broker.cli.requests import BadRequest
    from execution_broker.cli.users import moved

    updates = [
        *_durations(longer, shorter, duration),
        *_sizes(cores, memory),
        *(_amount(text) for text in amount or ()),
        *_texts(name, description),
    ]
    if not updates:
        raise BadRequest("Nothing is to be changed.", "Say what: --longer PT30M, --cores 4, ...")
    session = [at.client.update(uuid, update) for update in updates][-1]
    return moved(at, session)


def _durations(longer: str | None, shorter: str | None, duration: str | None) -> "Iterator[Update]":
    from execution_broker.cli.requests import BadRequest
    from execution_broker.models.update import DeltaUpdate, IntegerUpdate

    if [longer, shorter, duration].count(None) < 2:
        raise BadRequest(
            "--longer, --shorter and --duration exclude each other.", "Give one of them."
        )
    if longer is not None:
        yield DeltaUpdate(_DURATION, _seconds("--longer", longer), "s")
    if shorter is not None:
        yield DeltaUpdate(_DURATION, -_seconds("--shorter", shorter), "s")
    if duration is not None:
        yield IntegerUpdate(_DURATION, _seconds("--duration", duration), "s")


def _sizes(cores: int | None, memory: str | None) -> "Iterator[Update]":
    from execution_broker.cli.requests import typed
    from execution_broker.cli.typed import read_size
    from execution_broker.models.update import IntegerUpdate

    if cores is not None:
        yield IntegerUpdate("compute.cores", cores, "cores")
    if memory is not None:
        yield IntegerUpdate("compute.memory", typed("--memory", read_size, memory), "GiB")


def _amount(text: str) -> "Update":
    from execution_broker.cli.requests import BadRequest
    from execution_broker.domain.demand import amount_place
    from execution_broker.models.update import IntegerUpdate

    name, _, number = text.partition("=")
    if not name or not number.isdecimal():
        raise BadRequest(
            f"--amount {text!r} does not say how many of what.",
            "Write name=number, for example gpus=1.",
        )
    return IntegerUpdate(amount_place(name), int(number), "units")


def _texts(name: str | None, description: str | None) -> "Iterator[Update]":
    from execution_broker.models.update import StringUpdate

    if name is not None:
        yield StringUpdate("meta.name", name)
    if description is not None:
        yield StringUpdate("meta.description", description)


def _seconds(option: str, text: str) -> int:
    from execution_broker.cli.requests import typed
    from execution_broker.cli.typed import read_length

    return round(typed(option, read_length, text).total_seconds())
