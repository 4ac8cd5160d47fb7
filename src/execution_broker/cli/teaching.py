"""How a command is registered so that its `--help` teaches: words, then commands to copy."""

from collections.abc import Callable
from inspect import cleandoc

import typer


def teach(
    app: typer.Typer, panel: str, name: str, command: Callable[..., None], *lines: str
) -> None:
    """Register a command. Its docstring is its help, `lines` are whole commands as examples."""
    paragraphs = cleandoc(command.__doc__ or "").split("\n\n")
    app.command(
        name,
        help="\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs),
        epilog="\n\n".join(("Example:" if len(lines) == 1 else "Examples:", *lines)),
        rich_help_panel=panel,
    )(command)
