"""The command `broker`."""

from typing import Final

import typer

from execution_broker.cli import comparing, listing, notifying, operators, users
from execution_broker.cli.erring import Commands
from execution_broker.cli.exits import MEANINGS

_CODES: Final = "\n\n".join(f"{code.value:>4}  {meaning}" for code, meaning in MEANINGS.items())

app: Final = typer.Typer(
    name="broker",
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    epilog=f"Exit codes:\n\n{_CODES}",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def broker() -> None:
    """Ask where, when and at what cost something can run; run it; or run a broker yourself.

    Begin with `broker serve` in one terminal and `broker run --notebook fit.ipynb` in another.
    """


users.add_commands(app)
listing.add_commands(app)
comparing.add_commands(app)
notifying.add_commands(app)
operators.add_commands(app)


def run() -> None:
    """The entry point of the command."""
    app(prog_name="broker")
