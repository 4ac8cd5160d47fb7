from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from execution_broker.cli.main import app
from tests.client.fake_broker import FakeBroker, Host, free_address, hosting


@dataclass
class Ended:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str


Broker = Callable[..., Ended]


@pytest.fixture(scope="package")
def host() -> Iterator[Host]:
    with hosting() as host:
        yield host


@pytest.fixture
def broker(host: Host) -> FakeBroker:
    return host.new_broker()


@pytest.fixture
def nobody() -> str:
    return free_address()


@pytest.fixture
def environment(broker: FakeBroker, tmp_path: Path) -> dict[str, str]:
    """That of a user with an account, on a machine where no server ever ran."""
    return {
        "BROKER_URL": broker.url,
        "BROKER_USER": "ada",
        "BROKER_PASSWORD": "lovelace",
        "XDG_DATA_HOME": str(tmp_path / "share"),
        "TZ": "UTC",
    }


@pytest.fixture
def run(environment: dict[str, str]) -> Broker:
    """Run the command in this process."""

    def run(*arguments: str, stdin: str | None = None, **changes: str | None) -> Ended:
        runner = CliRunner(env={**environment, **changes})
        result = runner.invoke(app, list(arguments), input=stdin)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ended(result.exit_code, result.stdout, result.stderr)

    return run
