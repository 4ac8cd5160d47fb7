"""How a command is registered so that its `--help` teaches: words, then commands to copy."""

from collections.abc import Callable, Sequence
from inspect import cleandoc

import typer


def teach(
    app: typer.Typer, panel: str, name: str, command: Callable[..., None], *lines: str
) -> None:
    """Register a command. Its docstring is its help, `lines` are whole commands as examples."""
    app.command(name, help=_help(command), epilog=_examples(lines), rich_help_panel=panel)(command)


def teach_group(
    app: typer.Typer,
    panel: str,
    name: str,
    group: typer.Typer,
    command: Callable[..., None],
    *lines: str,
) -> None:
    """Register a group of commands that does something by itself as well."""
    group.callback(invoke_without_command=True, help=_help(command), epilog=_examples(lines))(
        command
    )
    app.add_typer(group, name=name, rich_help_panel=panel)


def _help(command: Callable[..., None]) -> str:
    paragraphs = cleandoc(command.__doc__ or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _examples(lines: Sequence[str]) -> str:
    return "\n\n".join(("Example:" if len(lines) == 1 else "Examples:", *lines))
