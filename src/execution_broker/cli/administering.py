"""Commands that look after a running broker, on its database: `broker admin`."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Final
from uuid import UUID

import typer

from execution_broker.cli.context import Json, guarded
from execution_broker.cli.exits import Exit
from execution_broker.cli.settings import ConfigFile, load_settings
from execution_broker.cli.teaching import teach

if TYPE_CHECKING:
    from execution_broker.storage.auditing import Finding

_SESSION: Final = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"

Session = Annotated[UUID, typer.Argument(metavar="SESSION", help="Its uuid.")]
Unreleased = Annotated[
    UUID | None, typer.Argument(metavar="[SESSION]", help="Its uuid: count it as released.")
]
Mend = Annotated[bool, typer.Option("--mend", help="Destroy and release what is found.")]

KeyName = Annotated[str, typer.Argument(metavar="NAME", help="What stands before its colon.")]

administration: Final = typer.Typer(help="Look after a running broker.", no_args_is_help=True)
keys: Final = typer.Typer(help="The keys that secrets are sealed with.", no_args_is_help=True)


def add_commands(app: typer.Typer, panel: str) -> None:
    """Register the commands with their examples."""
    teach(administration, panel, "audit", audit, "broker admin audit --config broker.toml")
    teach(administration, panel, "poke", poke, "broker admin poke")
    teach(administration, panel, "replay", replay, f"broker admin replay {_SESSION}")
    teach(
        administration,
        panel,
        "orphans",
        orphans,
        "broker admin orphans",
        "broker admin orphans --mend",
    )
    teach(
        administration,
        panel,
        "give-up",
        give_up,
        "broker admin give-up",
        f"broker admin give-up {_SESSION}",
    )
    teach(keys, panel, "forget", forget, "broker admin keys forget 2027-01-15")
    administration.add_typer(keys, name="keys")
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


def poke(config: ConfigFile = None, json: Json = False) -> None:
    """Let everything that waits look or try again now: retries, polls, upkeep. Timers stay."""
    with guarded(json) as where:
        from execution_broker.factory import operating

        number = asyncio.run(operating.poke(load_settings(config)))
        if json:
            where.write_json({"poked": number})
        else:
            where.out.print(f"{number} steps look now whether they have something to do.")


def replay(session: Session, config: ConfigFile = None, json: Json = False) -> None:
    """Derive every transition of a session from its event log, and compare it with what is stored.

    Says where the two differ: nothing, if all is well.
    """
    with guarded(json) as where:
        from execution_broker.factory import operating

        found = asyncio.run(operating.replay(load_settings(config), session))
        if json:
            where.write_json(found)
        else:
            for line in (*found.transitions, *found.differences):
                where.out.print(line, soft_wrap=True)
            number = len(found.differences) or "no"
            where.out.print(f"{found.events} events lead to {found.phase}: {number} differences.")
        if found.differences:
            raise typer.Exit(Exit.FAILED)


def orphans(config: ConfigFile = None, mend: Mend = False, json: Json = False) -> None:
    """List what platforms hold and no live session owns, and what ended sessions never saw gone.

    Run it where the platforms can be reached. A worker mends the same by itself, now and then.
    """
    with guarded(json) as where:
        from execution_broker.factory import operating

        settings = load_settings(config)
        found = asyncio.run(operating.mend(settings) if mend else operating.orphans(settings))
        if json:
            where.write_json({"orphans": found})
        else:
            for one in found:
                what = one.handle or f"an open receipt for {one.component}"
                where.out.print(f"{one.platform}: {what} of session {one.session}")
            left = "are left" if mend else "found"
            where.out.print(f"{len(found) or 'No'} orphans {left}.")
        if found:
            raise typer.Exit(Exit.FAILED)


def give_up(session: Unreleased = None, config: ConfigFile = None, json: Json = False) -> None:
    """List sessions that cannot be released, or take one as released by hand.

    A place that is away is asked again for ever, and what it holds stays booked. Only you can know
    that it will not come back. Its booking ends then, and the session is FAILED or CANCELLED. What
    a place that does come back still holds of it is destroyed.
    """
    with guarded(json) as where:
        from execution_broker.factory import operating

        settings = load_settings(config)
        if session is not None:
            left = asyncio.run(operating.give_up(settings, session))
            if json:
                where.write_json({"session": session, "left": left})
            else:
                what = ", ".join(left) or "nothing"
                where.out.print(f"{session} counts as released. What may be left: {what}.")
            return
        found = asyncio.run(operating.unreleased(settings))
        if json:
            where.write_json({"unreleased": found})
        else:
            for one in found:
                what = ", ".join(one.steps)
                where.out.print(
                    f"{one.session} on {one.platform}, ended {one.ended:%Y-%m-%dT%H:%M:%SZ}:"
                    f" {what} failed {one.failures} times.",
                    soft_wrap=True,
                )
            if not found:
                where.out.print("There is no session that cannot be released.")


def forget(name: KeyName, config: ConfigFile = None, json: Json = False) -> None:
    """Give up what is sealed with a key that is lost for good, so that the broker starts without.

    Stop all servers and workers first. Sessions that still need a secret of theirs will fail, and
    ways into running ones are shown to nobody any more. Nothing else is lost.
    """
    with guarded(json) as where:
        from execution_broker.cli.requests import BadRequest
        from execution_broker.factory import operating

        number = asyncio.run(operating.forget_key(load_settings(config), name))
        if number is None:
            raise BadRequest(f"Nothing was ever sealed here with a key {name}.", "Check its name.")
        if json:
            where.write_json({"forgotten": number})
        else:
            where.out.print(f"{number} sealed values are given up, and the key is not asked for.")


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
