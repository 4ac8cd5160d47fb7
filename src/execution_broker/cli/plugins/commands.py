"""Commands about plugins: `broker plugins`."""

from pathlib import Path
from typing import Annotated, Final

import typer

from execution_broker.cli.context import Json, guarded
from execution_broker.cli.plugins.doors import Door
from execution_broker.cli.teaching import teach, teach_group

Kind = Annotated[Door, typer.Argument(metavar="DOOR", help="platform, data-kind or transfer.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Its name: what a configuration says.")]
Others = Annotated[
    list[Door] | None,
    typer.Option("--with", metavar="DOOR", help="One more in the same project. May be repeated."),
]
Directory = Annotated[
    Path | None,
    typer.Option(
        "--directory", metavar="DIR", help="Where the project goes, else execution-broker-NAME."
    ),
]

plugins: Final = typer.Typer()


def add_commands(app: typer.Typer, panel: str) -> None:
    """Register the commands with their examples."""
    teach_group(app, panel, "plugins", plugins, listed, "broker plugins", "broker plugins --json")
    teach(
        plugins,
        panel,
        "new",
        new,
        "broker plugins new platform moon",
        "broker plugins new platform moon --with data-kind --with transfer",
    )


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


def new(
    door: Kind, name: Name, others: Others = None, directory: Directory = None, json: Json = False
) -> None:
    """Write the project of a new plugin: it works, its tests pass, and it has a page.

    Then replace, part by part, what it does by what yours has to do.
    """
    with guarded(json) as where:
        from execution_broker.cli.plugins.scaffold import check_name, own_source, project, write

        doors = list(dict.fromkeys([door, *(others or ())]))
        check_name(name, doors)
        target = directory or Path(f"execution-broker-{name}")
        made = project(name, doors)
        write(target, made)
        if json:
            where.write_json({"directory": str(target), "files": sorted(made)})
            return
        for path in sorted(made):
            where.out.print(str(target / path), soft_wrap=True)
        where.err.print(
            f"Install and prove it: cd {target} && python -m pip install"
            f" {own_source()}--editable '.[dev]' && python -m pytest && python -m mypy",
            soft_wrap=True,
        )
