"""Commands for operators: the server, its configuration, its plugins, its accounts."""

import platform
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from execution_broker.cli import administering, databases, identities
from execution_broker.cli.context import Json, Output, guarded
from execution_broker.cli.doctor.command import doctor
from execution_broker.cli.plugins import commands as plugins
from execution_broker.cli.settings import ConfigFile, load_settings, narrowed
from execution_broker.cli.teaching import teach

if TYPE_CHECKING:
    from execution_broker.config import Settings

_PANEL: Final = "For operators"

CheckedFile = Annotated[
    Path | None,
    typer.Argument(metavar="FILE", envvar="BROKER_CONFIG", help="Configuration in TOML."),
]
Kinds = Annotated[
    str | None,
    typer.Option(metavar="KIND,...", help="Take these kinds of step alone: prepare-data, watch."),
]
Concurrency = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="So many steps at a time, in each pool."),
]
MetricsPort = Annotated[
    int | None,
    typer.Option(
        metavar="PORT",
        min=0,
        max=65535,
        help="Answer /metrics there, on 127.0.0.1; port 0 takes a free one.",
    ),
]
Listen = Annotated[
    str | None,
    typer.Option(metavar="HOST:PORT", help="Listen here instead; port 0 takes a free one."),
]

configuration = typer.Typer(help="The configuration of a server.", no_args_is_help=True)


def add_commands(app: typer.Typer) -> None:
    """Register the commands with their examples."""
    teach(
        app,
        _PANEL,
        "serve",
        serve,
        "broker serve",
        "broker serve --config broker.toml --listen 127.0.0.1:9000",
    )
    teach(app, _PANEL, "api", api, "broker api --config broker.toml")
    teach(
        app,
        _PANEL,
        "worker",
        worker,
        "broker worker --config broker.toml",
        "broker worker --kinds prepare-data,probe --concurrency 16 --metrics-port 9101",
    )
    teach(
        app, _PANEL, "doctor", doctor, "broker doctor", "broker doctor --config broker.toml --json"
    )
    plugins.add_commands(app, _PANEL)
    teach(app, _PANEL, "version", version, "broker version")
    teach(configuration, _PANEL, "check", check, "broker config check broker.toml")
    databases.add_commands(app, _PANEL)
    administering.add_commands(app, _PANEL)
    identities.add_commands(app, _PANEL)
    app.add_typer(configuration, name="config", rich_help_panel=_PANEL)


def serve(config: ConfigFile = None, listen: Listen = None) -> None:
    """Run a broker: the API and its workers in one process, until it is interrupted.

    Without a configuration it keeps its data in your home directory, listens on 127.0.0.1:8080,
    runs sessions on this machine, and writes the administrator's password to a file.
    """
    with guarded(json=False):
        settings = load_settings(config, listen)
        from execution_broker.cli import serving

        serving.serve(settings)


def api(config: ConfigFile = None, listen: Listen = None) -> None:
    """Run the API alone. Workers must run elsewhere, over the same database.

    Any number of them may run, also on many machines over one PostgreSQL.
    """
    with guarded(json=False):
        settings = load_settings(config, listen)
        from execution_broker.cli import serving

        serving.serve_api(settings)


def worker(
    config: ConfigFile = None,
    kinds: Kinds = None,
    concurrency: Concurrency = None,
    metrics_port: MetricsPort = None,
) -> None:
    """Run a worker alone: it prepares, runs and releases what the API has promised.

    Any number of them may run, also on many machines over one PostgreSQL; each may take some
    kinds of step alone. One that is stopped lets what it does finish for a while; what is left
    another one takes over.
    """
    with guarded(json=False):
        settings = load_settings(config)
        from execution_broker.cli import serving

        serving.serve_worker(narrowed(settings, kinds, concurrency), metrics_port)


def version(json: Json = False) -> None:
    """Say which version this is."""
    from execution_broker import __version__

    with guarded(json) as where:
        if json:
            where.write_json({"version": __version__, "python": platform.python_version()})
        else:
            where.out.print(f"execution-broker {__version__} (Python {platform.python_version()})")


def check(file: CheckedFile = None, json: Json = False) -> None:
    """Check a configuration and the BROKER__ variables; say which key is wrong, and the remedy."""
    with guarded(json) as where:
        _show_settings(where, load_settings(file))


def _show_settings(where: Output, settings: "Settings") -> None:
    shown = {
        "data_directory": str(settings.data_directory),
        "listen": settings.http.listen,
        "database": _without_password(settings.database.url),
        "platforms": ", ".join(
            f"{name} ({plugin})" for name, (plugin, _) in settings.platforms.items()
        ),
        "data_kinds": ", ".join(settings.data_kinds),
        "transfers": ", ".join(settings.transfers),
    }
    if where.json:
        where.write_json(shown)
        return
    where.out.print("The configuration is good.")
    for name, value in shown.items():
        where.out.print(f"  {name:<14} {value}", soft_wrap=True)


def _without_password(url: str) -> str:
    """A database URL without what stands before its host."""
    scheme, mark, rest = url.partition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2]}"
