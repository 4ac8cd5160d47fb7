"""A fake broker for each test, on a web server for each package that takes these fixtures in."""

from collections.abc import Iterator

import pytest

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
