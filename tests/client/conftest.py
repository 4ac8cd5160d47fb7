from collections.abc import Iterator

import pytest

from execution_broker.client import BrokerClient
from tests.client.fake_broker import FakeBroker
from tests.client.hosting import Host, free_address, hosting


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
def sleeps() -> list[float]:
    """The pauses that the client made, in seconds: it makes none in truth."""
    return []


@pytest.fixture
def client(broker: FakeBroker, sleeps: list[float]) -> Iterator[BrokerClient]:
    with BrokerClient(broker.url, "ada", "lovelace", timeout=5, sleep=sleeps.append) as client:
        yield client
