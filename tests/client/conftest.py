from collections.abc import Iterator

import pytest

from execution_broker.client import BrokerClient
from tests.client.fake_broker import FakeBroker
from tests.client.fixtures import broker, host, nobody

__all__ = ["broker", "host", "nobody"]


@pytest.fixture
def sleeps() -> list[float]:
    """The pauses that the client made, in seconds: it makes none in truth."""
    return []


@pytest.fixture
def client(broker: FakeBroker, sleeps: list[float]) -> Iterator[BrokerClient]:
    with BrokerClient(broker.url, "ada", "lovelace", timeout=5, sleep=sleeps.append) as client:
        yield client
