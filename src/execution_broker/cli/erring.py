"""Usage errors in the style of all other errors: one sentence, and what to do about it."""

import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup


class Commands(TyperGroup):
    """The commands of `broker`. What was typed wrongly is told like everything that goes wrong."""

    def main(  # type: ignore[override]
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        if not standalone_mode:
            return super().main(args, prog_name, standalone_mode=False, **extra)
        try:
            code = super().main(args, prog_name, standalone_mode=False, **extra)
        except typer.TyperException as error:
            _tell(error)
            code = error.exit_code
        except typer.Abort:
            from execution_broker.cli.exits import Exit

            code = Exit.INTERRUPTED
        sys.exit(code if isinstance(code, int) else 0)


def _tell(error: typer.TyperException) -> None:
    from execution_broker.cli.context import output
    from execution_broker.cli.failing import tell
    from execution_broker.cli.requests import BadRequest

    sentence = error.format_message().strip()
    if not sentence.endswith((".", "?", "!")):
        sentence += "."
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "broker"
    tell(BadRequest(sentence, f"See what it takes: {path} --help"), output(json=False).err)
