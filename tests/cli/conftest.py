from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.fake_broker import FakeBroker
from tests.client.hosting import Host, free_address, hosting
from tests.harness.command import Broker, runner


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

    return runner(environment)
