"""Commands that look after a running broker, on its database: `broker admin`."""

import asyncio
from typing import TYPE_CHECKING, Final

import typer

from execution_broker.cli.context import Json, guarded
from execution_broker.cli.exits import Exit
from execution_broker.cli.settings import ConfigFile, load_settings
from execution_broker.cli.teaching import teach

if TYPE_CHECKING:
    from execution_broker.storage.auditing import Finding

administration: Final = typer.Typer(help="Look after a running broker.", no_args_is_help=True)


def add_commands(app: typer.Typer, panel: str) -> None:
    """Register the commands with their examples."""
    teach(administration, panel, "audit", audit, "broker admin audit --config broker.toml")
    app.add_typer(administration, name="admin", rich_help_panel=panel)


def audit(config: ConfigFile = None, json: Json = False) -> None:
    """Check every decision about capacity: nothing overbooked, accepted twice or never let go.

    Reads the rows of all bookings, of the past as well, and nothing else. It may run beside
    servers and workers.
    """
    with guarded(json) as where:
        from execution_broker.factory import examining

        found = asyncio.run(examining.audit(load_settings(config)))
        if json:
            where.write_json(found)
        else:
            for one in found.findings:
                where.out.print(_sentence(one))
            number = len(found.findings) or "nothing"
            where.out.print(
                f"{found.bookings} bookings of {found.decisions} decisions: {number} found."
            )
        if found.findings:
            raise typer.Exit(Exit.FAILED)


def _sentence(finding: "Finding") -> str:
    match finding.kind:
        case "overbooked":
            return (
                f"{finding.platform}: {finding.used} {finding.amount} of {finding.capacity} are "
                f"booked at {finding.booked}, as decided at {finding.decided}."
            )
        case "accepted-twice":
            return f"offer set {finding.uuid}: more than one offer was accepted."
        case "booked-though-ended":
            return f"{finding.uuid}: still books {finding.amount} on {finding.platform}."
        case "not-booked":
            return f"session {finding.uuid}: books no compute on {finding.platform}."
