import pytest

from tests.harness.command import Broker, runner


@pytest.fixture
def run() -> Broker:
    return runner({})
