"""The reference of the command line, as Markdown: `python -m execution_broker.cli.reference`.

It is made from the commands themselves. The file in docs/reference/ is its committed output.
"""

from collections.abc import Iterator
from typing import Any

import typer

from execution_broker.cli.exits import MEANINGS
from execution_broker.cli.main import app


def document() -> str:
    """The whole reference. The same on every machine and in every terminal."""
    root: Any = typer.main.get_command(app)
    lines = [
        "# Command line",
        "",
        "<!-- Made by `python -m execution_broker.cli.reference`; do not edit. -->",
        "",
        _text(root.help),
        "",
        *_summary(root),
        "## Exit codes",
        "",
        "| code | meaning |",
        "|---|---|",
        *(f"| {code.value} | {meaning} |" for code, meaning in MEANINGS.items()),
        "",
    ]
    for name, command in _commands(root, "broker"):
        lines += [f"## {name}", "", _text(command.help), "", *_command(name, command)]
    return "\n".join(lines).rstrip() + "\n"


def _summary(root: Any) -> Iterator[str]:
    yield "| command | |"
    yield "|---|---|"
    for name, command in _commands(root, "broker"):
        anchor = name.replace(" ", "-")
        yield f"| [`{name}`](#{anchor}) | {_text(command.help).partition(chr(10))[0]} |"
    yield ""


def _commands(group: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            if command.invoke_without_command:
                yield f"{prefix} {name}", command
            yield from _commands(command, f"{prefix} {name}")
        else:
            yield f"{prefix} {name}", command


def _command(name: str, command: Any) -> Iterator[str]:
    shown = [p for p in command.params if not getattr(p, "hidden", False)]
    arguments = [p for p in shown if p.param_type_name == "argument"]
    options = [p for p in shown if p.param_type_name == "option" and p.name != "help"]
    words = [name, "[OPTIONS]" if options else "", *(_usage(p) for p in arguments)]
    yield "```"
    yield " ".join(word for word in words if word)
    yield "```"
    yield ""
    if arguments or options:
        yield "| | | |"
        yield "|---|---|---|"
        yield from (_row(_metavar(p), p) for p in arguments)
        yield from (_row(_names(p), p) for p in options)
        yield ""
    yield from _example(command.epilog)


def _usage(argument: Any) -> str:
    return str(argument.metavar) if argument.required else f"[{argument.metavar}]"


def _example(epilog: str) -> Iterator[str]:
    head, *lines = epilog.split("\n\n")
    yield head
    yield ""
    yield "```sh"
    yield from lines
    yield "```"
    yield ""


def _row(names: str, parameter: Any) -> str:
    notes = []
    if parameter.default not in (None, False, ()) and not callable(parameter.default):
        notes.append(f"default `{parameter.default}`")
    if parameter.envvar:
        notes.append(f"environment `{parameter.envvar}`")
    help_ = " ".join((parameter.help or "").split())
    return f"| `{names}` | {_cell(help_)} | {', '.join(notes)} |"


def _names(parameter: Any) -> str:
    names = ", ".join(parameter.opts)
    return names if parameter.is_flag else f"{names} {_metavar(parameter)}"


def _metavar(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name).replace("|", "\\|")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _text(help_: str | None) -> str:
    return "\n".join(line.strip() for line in (help_ or "").strip().splitlines())


if __name__ == "__main__":
    typer.echo(document(), nl=False)
