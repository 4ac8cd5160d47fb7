"""The command line, run in this process: but for what serves, as that sets up a process's logs."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog
from typer.testing import CliRunner

from execution_broker.cli.main import app

NOTEBOOK = ("--notebook", "https://example.org/fit.ipynb")
"""What a request needs at least."""

NOWHERE = "5f3ff7a4-6f3a-4b0a-9d6e-0f1b8e7d1c22"
"""No session."""


@dataclass
class Ended:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str


Broker = Callable[..., Ended]


def runner(environment: dict[str, str]) -> Broker:
    """Runs the command with this environment, and with what a call changes in it."""

    def run(*arguments: str, stdin: str | None = None, **changes: str | None) -> Ended:
        runner = CliRunner(env={**environment, **changes})
        logs = structlog.get_config()
        result = runner.invoke(app, list(arguments), input=stdin)
        assert structlog.get_config() == logs, "a command that sets up logs needs its own process"
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ended(result.exit_code, result.stdout, result.stderr)

    return run
