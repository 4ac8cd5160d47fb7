"""Commands about plugins: `broker plugins`."""

from typing import Final

import typer

from execution_broker.cli.context import Json, guarded
from execution_broker.cli.teaching import teach_group

plugins: Final = typer.Typer()


def add_commands(app: typer.Typer, panel: str) -> None:
    """Register the commands with their examples."""
    teach_group(app, panel, "plugins", plugins, listed, "broker plugins", "broker plugins --json")


def listed(context: typer.Context, json: Json = False) -> None:
    """List what is installed: platforms, kinds of data, transfers. All are found alike.

    A plugin that cannot be used is listed too, with what is wrong with it.
    """
    if context.invoked_subcommand is not None:
        return
    from execution_broker.cli.plugins.listing import installed, table

    with guarded(json) as where:
        found = installed()
        if json:
            where.write_json(found)
        else:
            where.out.print(table(found))
