"""Commands for the database of a server: `broker db`."""

import asyncio
from typing import Final

import typer

from execution_broker.cli.context import Json, guarded
from execution_broker.cli.exits import Exit
from execution_broker.cli.settings import ConfigFile, load_settings
from execution_broker.cli.teaching import teach

database: Final = typer.Typer(help="The database of a server.", no_args_is_help=True)


def add_commands(app: typer.Typer, panel: str) -> None:
    """Register the commands with their examples."""
    teach(database, panel, "status", status, "broker db status", "broker db status --json")
    teach(database, panel, "upgrade", upgrade, "broker db upgrade --config broker.toml")
    teach(database, panel, "check", check, "broker db check")
    app.add_typer(database, name="db", rich_help_panel=panel)


def status(config: ConfigFile = None, json: Json = False) -> None:
    """Say which revision the tables have, and which one this version needs. Changes nothing."""
    with guarded(json) as where:
        from execution_broker.factory import examining

        found = asyncio.run(examining.database_state(load_settings(config)))
        if json:
            where.write_json({"revision": found.revision, "needed": found.needed})
        else:
            current = "" if found.is_current else " Run `broker db upgrade`."
            where.out.print(f"revision {found.revision}, needed {found.needed}.{current}")
        if not found.is_current:
            raise typer.Exit(Exit.FAILED)


def upgrade(config: ConfigFile = None, json: Json = False) -> None:
    """Make or upgrade the tables. A SQLite file is backed up first; it also upgrades by itself.

    Stop every server and worker of the old version before you upgrade PostgreSQL.
    """
    with guarded(json) as where:
        from execution_broker.factory import examining

        settings = load_settings(config)
        before = asyncio.run(examining.upgrade_database(settings))
        now = asyncio.run(examining.database_state(settings))
        if json:
            where.write_json({"before": before.revision, "revision": now.revision})
        else:
            where.out.print(f"revision {before.revision} before, {now.revision} now.")


def check(config: ConfigFile = None, json: Json = False) -> None:
    """Compare the tables with what this version expects, column by column."""
    with guarded(json) as where:
        from execution_broker.factory import examining

        differences = asyncio.run(examining.database_drift(load_settings(config)))
        if json:
            where.write_json({"differences": differences})
        else:
            where.out.print("\n".join(differences) or "The tables are as they must be.")
        if differences:
            raise typer.Exit(Exit.FAILED)
