from pathlib import Path

import pytest

from tests.client.fake_broker import FakeBroker
from tests.client.fixtures import broker, host, nobody
from tests.harness.command import Broker, runner

__all__ = ["broker", "host", "nobody"]


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
