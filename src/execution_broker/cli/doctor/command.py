"""`broker doctor`: everything that has to be right, looked at, with what to do where it is not."""

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from execution_broker.cli.context import Json, guarded
from execution_broker.cli.exits import Exit
from execution_broker.cli.settings import ConfigFile, load_settings

if TYPE_CHECKING:
    from execution_broker.cli.doctor.findings import Finding
    from execution_broker.config import Settings


def doctor(config: ConfigFile = None, json: Json = False) -> None:
    """Look at everything that must be right on this machine, and say what to do where it is not.

    Run it as the user, and with the configuration, that the broker has. It changes nothing, and
    may be run beside a server. It ends with 1 if anything fails; a warning is no failure.
    """
    with guarded(json) as where:
        from execution_broker.cli.doctor.findings import State, report

        findings = examine(config)
        if json:
            where.write_json({"findings": findings})
        else:
            where.out.print(report(findings), soft_wrap=True)
        if any(one.state is State.FAIL for one in findings):
            raise typer.Exit(Exit.FAILED)


def examine(file: Path | None) -> "list[Finding]":
    """Every finding, in the order in which one would put things right."""
    from execution_broker.cli.doctor import machine
    from execution_broker.cli.doctor.findings import fail, ok, warn
    from execution_broker.cli.doctor.platforms import plugins
    from execution_broker.config import Http
    from execution_broker.domain.errors import ConfigurationError

    try:
        settings = load_settings(file)
    except ConfigurationError as error:
        return [
            fail("configuration", error.sentence, error.remedy),
            *plugins(),
            machine.files(Http()),
        ]
    directory = settings.data_directory
    findings = [
        ok("configuration", f"{file or 'no file: the defaults hold'}"),
        *plugins(),
        *machine.space(directory),
        *machine.permissions(directory, file, settings.database.url, _secret_files(settings)),
        machine.files(settings.http),
    ]
    if os.geteuid() == 0:
        words = "this is root, and what the local platform runs would be, too"
        findings.append(warn("user", words, "Give the broker a user of its own."))
    return findings + asyncio.run(_asked(settings))


def _secret_files(settings: "Settings") -> list[Path]:
    """Those that a configuration names, and the keys beside the database."""
    from execution_broker.domain.errors import ConfigurationError
    from execution_broker.factory.keys import keys_file

    try:
        keys = keys_file(settings)
    except ConfigurationError:
        keys = None  # what is wrong with the address of the database is a finding of its own
    return [*settings.secret_files, *([] if keys is None else [keys])]


async def _asked(settings: "Settings") -> "list[Finding]":
    from execution_broker.cli.doctor.database import database
    from execution_broker.cli.doctor.platforms import platforms

    return [*await database(settings), *await platforms(settings)]
