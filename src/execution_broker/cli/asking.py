"""The options that describe a request, shared by every command that makes one."""

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, Literal, ParamSpec, TypeVar

import typer

from execution_broker.cli.context import Output
from execution_broker.cli.exits import Exit

if TYPE_CHECKING:
    from execution_broker.client.requests import Request

P = ParamSpec("P")
W = TypeVar("W", bound=Output)

_PANEL = "Request by flags"


def _flag(help_: str, *, metavar: str) -> Any:
    return typer.Option(help=help_, metavar=metavar, rich_help_panel=_PANEL)


File = Annotated[
    str | None,
    typer.Argument(metavar="FILE", help="Request in YAML or JSON; - is the standard input."),
]
Notebook = Annotated[
    str | None, _flag("Notebook to run: a URL, or a file that is here.", metavar="URL")
]
Image = Annotated[str | None, _flag("Container image to run instead.", metavar="IMAGE")]
Mode = Annotated[
    Literal["INTERACTIVE", "BATCH"] | None,
    _flag("Use it in a browser, or let it run from top to bottom.", metavar="INTERACTIVE|BATCH"),
]
Cores = Annotated[str | None, _flag("Cores: the least, or least-most.", metavar="N[-N]")]
Memory = Annotated[
    str | None,
    _flag(
        "Memory: the least, or least-most, in GiB or with a unit: 4, 500MB, 2-8GB.",
        metavar="SIZE[-SIZE]",
    ),
]
Amount = Annotated[
    list[str] | None,
    _flag(
        "What else is counted, by the name platforms have for it: gpus=1. May be repeated.",
        metavar="NAME=N[-N]",
    ),
]
Storage = Annotated[
    str | None,
    _flag("Storage for the data, in GiB or with a unit.", metavar="SIZE[-SIZE]"),
]
Data = Annotated[
    list[str] | None,
    _flag(
        "Data to stage, with what is known of it: ,name= ,size= (bytes) ,sha256= ,md5= ,adler32=. "
        "May be repeated.",
        metavar="URL[,KEY=..]",
    ),
]
Mount = Annotated[
    list[str] | None,
    _flag(
        "Where data (by its file name) or `storage` appears. May be repeated.",
        metavar="NAME=PATH",
    ),
]
Start = Annotated[
    str | None,
    _flag("When it may start, as an ISO 8601 interval: ../6h.", metavar="INTERVAL"),
]
Duration = Annotated[
    str | None, _flag("How long it must last: 10m, 2h, 1h30m, PT2H.", metavar="DURATION")
]
MaxCost = Annotated[
    list[str] | None,
    _flag(
        "The most it may cost: monetary=, energy=, carbon=, or a URI. May be repeated.",
        metavar="TYPE=VALUE",
    ),
]


def asking(
    command: Callable[Concatenate[W, "Request", P], Exit],
) -> Callable[Concatenate[W, P], Exit]:
    """A command that is given a request, made from a file or from flags. What of it would have no
    effect is told before it is sent; what was typed and can be had nowhere is not sent."""
    options = inspect.signature(_request).parameters

    def run(at: W, /, *args: Any, **given: Any) -> Exit:
        request = _request(**{name: given.pop(name) for name in options})
        _warn(at, request)
        _refuse(at, request)
        return command(at, request, *args, **given)

    functools.update_wrapper(run, command)
    first, _, *own = inspect.signature(command).parameters.values()
    named = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in (*options.values(), *own)]
    run.__signature__ = inspect.Signature([first, *named])  # type: ignore[attr-defined]
    return run


def _warn(where: Output, request: "Request") -> None:
    """In the words in which a broker would tell."""
    from execution_broker.cli.rendering.words import plain
    from execution_broker.domain.resolve.ignored import remarks_on
    from execution_broker.models.ignored import find_ignored

    for remark in remarks_on(find_ignored(request)):
        where.err.print(f"Warning: {plain(remark.message or '')}", soft_wrap=True)


def _refuse(where: Output, request: "Request") -> None:
    """A request that was typed and can be had nowhere. Of a file its broker is the judge."""
    from execution_broker.cli import requests
    from execution_broker.models.execution import ExecutionRequest

    if isinstance(request, ExecutionRequest):
        requests.require_sound(request, where.here().now)


def _request(
    file: File = None,
    notebook: Notebook = None,
    image: Image = None,
    mode: Mode = None,
    cores: Cores = None,
    memory: Memory = None,
    amount: Amount = None,
    storage: Storage = None,
    data: Data = None,
    mount: Mount = None,
    start: Start = None,
    duration: Duration = None,
    max_cost: MaxCost = None,
) -> "Request":
    from execution_broker.cli import requests

    flags = requests.Flags(
        notebook=notebook,
        image=image,
        mode=mode,
        cores=cores,
        memory=memory,
        amounts=tuple(amount or ()),
        storage=storage,
        data=tuple(data or ()),
        mounts=tuple(mount or ()),
        start=start,
        duration=duration,
        max_costs=tuple(max_cost or ()),
    )
    if file is None:
        return requests.from_flags(flags)
    if flags != requests.Flags():
        raise requests.BadRequest(
            f"The request is in {file} and in flags.", "Give a file or flags, not both."
        )
    return requests.from_file(file)
