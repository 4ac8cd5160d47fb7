"""What every command shares: how to reach a broker, how to write, and how to fail.

A command says `@connected` and gets an `At` as its first argument; its options for address and
credentials come from here, so that they are the same everywhere.
"""

import functools
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, Final, ParamSpec

import typer

from execution_broker.cli.credentials import ask_password, found_credentials
from execution_broker.cli.exits import Exit
from execution_broker.cli.prefixes import Prefix, whole

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from execution_broker.cli.rendering.words import Here
    from execution_broker.client import BrokerClient
    from execution_broker.client.requests import Request
    from execution_broker.models.reading import UnknownKind

P = ParamSpec("P")

DEFAULT_URL: Final = "http://127.0.0.1:8080"
_PANEL: Final = "Connection"

Url = Annotated[
    str,
    typer.Option(
        metavar="URL",
        help="Address of the broker.",
        envvar="BROKER_URL",
        rich_help_panel=_PANEL,
    ),
]
User = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Who asks.", envvar="BROKER_USER", rich_help_panel=_PANEL),
]
PasswordFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="File with the password (or set BROKER_PASSWORD). For a server on this machine, "
        "the administrator's is found by itself.",
        envvar="BROKER_PASSWORD_FILE",
        rich_help_panel=_PANEL,
    ),
]
Password = Annotated[str | None, typer.Option(envvar="BROKER_PASSWORD", hidden=True)]
DataDirectory = Annotated[Path | None, typer.Option(envvar="BROKER__DATA_DIRECTORY", hidden=True)]
DataHome = Annotated[Path | None, typer.Option(envvar="XDG_DATA_HOME", hidden=True)]
Json = Annotated[bool, typer.Option("--json", help="Write JSON instead of text.")]


@dataclass(frozen=True)
class Output:
    """Where to write. `out` for answers, `err` for notes and errors."""

    out: "Console"
    err: "Console"
    json: bool

    def here(self) -> "Here":
        from execution_broker.cli.rendering.words import Here

        return Here(now=datetime.now(UTC))

    def print_long(self, shown: "RenderableType", lines: int) -> None:
        """What may be longer than the terminal: then it is shown by a pager, page by page."""
        if self.out.is_terminal and lines >= self.out.height:
            with self.out.pager(styles=True):
                self.out.print(shown)
        else:
            self.out.print(shown)

    def write_json(self, value: object) -> None:
        """The whole value, to be read by people and machines."""
        import msgspec

        typer.echo(msgspec.json.format(msgspec.json.encode(value), indent=2))

    def write_json_line(self, value: object) -> None:
        """The whole value on one line, for what comes again and again."""
        import msgspec

        typer.echo(msgspec.json.encode(value))


@dataclass(frozen=True)
class At(Output):
    """The same, and a broker to ask."""

    client: "BrokerClient"

    def bring(self, request: "Request") -> "Request":
        """The request, the files of this machine that it names uploaded."""
        return self.client.bring(request, self._tell_upload)

    def _tell_upload(self, file: Path, size: int) -> None:
        from execution_broker.cli.rendering import words

        self.err.print(f"Uploading {words.plain(file.name)}, {words.size(size)}.", soft_wrap=True)


def output(json: bool) -> Output:
    return Output(_console(sys.stdout), _console(sys.stderr), json)


@contextmanager
def guarded(json: bool) -> Iterator[Output]:
    """Errors of ours become one line, a next action and an exit code: never a traceback."""
    from execution_broker.domain.errors import BrokerError

    where = output(json)
    try:
        yield where
    except BrokerError as error:
        from execution_broker.cli import failing

        if json:
            failing.tell_json(error)
        else:
            failing.tell(error, where.err)
        raise typer.Exit(failing.exit_of(error)) from None
    except KeyboardInterrupt:
        raise typer.Exit(Exit.INTERRUPTED) from None


def connected(command: Callable[Concatenate[At, P], Exit]) -> Callable[..., None]:
    """A command that asks a broker. It answers with its exit code."""
    return _command(command, _connection)


def connected_as_administrator(
    command: Callable[Concatenate[At, P], Exit],
) -> Callable[..., None]:
    """The same for a command that has a `--password-file` of its own."""
    return _command(command, _administrator_connection)


def unconnected(command: Callable[Concatenate[Output, P], Exit]) -> Callable[..., None]:
    """A command that asks no broker by itself. It answers with its exit code."""

    def run(json: Json = False, **given: Any) -> None:
        with guarded(json) as where:
            code = command(where, **given)  # type: ignore[call-arg]
        if code is not Exit.DONE:
            raise typer.Exit(code)

    functools.update_wrapper(run, command)
    own = list(inspect.signature(command).parameters.values())[1:]
    _sign(run, [*own, inspect.signature(_json).parameters["json"]])
    return run


def _connection(
    url: Url = DEFAULT_URL,
    user: User = None,
    password_file: PasswordFile = None,
    password: Password = None,
    data_directory: DataDirectory = None,
    data_home: DataHome = None,
    json: Json = False,
) -> tuple[str, str | None, str | None, bool]:
    user, password = found_credentials(
        url, user, password_file, password, data_directory, data_home
    )
    if user and password is None:
        password = ask_password(f"password of {user}")
    return url, user, password, json


def _administrator_connection(
    url: Url = DEFAULT_URL,
    user: User = None,
    admin_password_file: PasswordFile = None,
    password: Password = None,
    data_directory: DataDirectory = None,
    data_home: DataHome = None,
    json: Json = False,
) -> tuple[str, str | None, str | None, bool]:
    return _connection(url, user, admin_password_file, password, data_directory, data_home, json)


def _json(json: Json = False) -> bool:
    return json


def _command(
    command: Callable[Concatenate[At, P], Exit],
    connection: Callable[..., tuple[str, str | None, str | None, bool]],
) -> Callable[..., None]:
    options = inspect.signature(connection).parameters

    def run(**given: Any) -> None:
        with guarded(given["json"]) as where:
            ours = {name: given.pop(name) for name in options}
            url, user, password, json = connection(**ours)
            from execution_broker.client import BrokerClient

            with BrokerClient(url, user, password, notice=_notice(where)) as client:
                at = At(out=where.out, err=where.err, json=json, client=client)
                whole = {name: _whole(at, value) for name, value in given.items()}
                code = command(at, **whole)  # type: ignore[call-arg]
        if code is not Exit.DONE:
            raise typer.Exit(code)

    functools.update_wrapper(run, command)
    own = list(inspect.signature(command).parameters.values())[1:]
    _sign(run, [*own, *options.values()])
    return run


def _whole(at: At, value: Any) -> Any:
    """What was typed, the beginnings of UUIDs completed."""
    if isinstance(value, Prefix):
        return whole(at.client, value)
    if isinstance(value, list):
        return [_whole(at, one) for one in value]
    return value


def _sign(function: Callable[..., None], parameters: list[inspect.Parameter]) -> None:
    """Make Typer see these parameters: all by name, the order is that of the help."""
    named = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters]
    function.__signature__ = inspect.Signature(named)  # type: ignore[attr-defined]
    function.__annotations__ = {p.name: p.annotation for p in named}


def _console(stream: Any) -> "Console":
    """Colours and width only for a terminal; text from outside is never read as markup."""
    from rich.console import Console

    console = Console(file=stream, markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = max(console.width, 1000)
    return console


def _notice(where: Output) -> "Callable[[UnknownKind], None]":
    """Says once of each kind that it is not shown."""
    said: set[str] = set()

    def say(unknown: "UnknownKind") -> None:
        if unknown.kind not in said:
            said.add(unknown.kind)
            where.err.print(
                f"Note: {unknown.place} has the kind {unknown.kind!r}, which is not known here.",
                soft_wrap=True,
            )

    return say
