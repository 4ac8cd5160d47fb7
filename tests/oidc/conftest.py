"""An issuer on loopback, and a broker's side of it with clocks that tests move."""

import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import pytest
import structlog
from structlog.testing import LogCapture

from execution_broker.services.oidc import Bearers, Issuer, Timing
from tests.harness.issuer import FakeIssuer, issuing


@dataclass
class Clocks:
    """`passed`: seconds since the test began, for both."""

    passed: float = 0.0
    begun: float = field(default_factory=time.time)

    def now(self) -> float:
        return self.begun + self.passed

    def steady(self) -> float:
        return self.passed


@pytest.fixture(scope="package")
def running() -> Iterator[FakeIssuer]:
    with issuing() as issuer:
        yield issuer


@pytest.fixture
def issuer(running: FakeIssuer) -> FakeIssuer:
    """As it is at its start: the same port and first key, nothing else of the test before."""
    running.keys = {"first": running.keys["first"]}
    running.extra, running.about, running.asked = [], {}, []
    running.status, running.page, running.stuck = 200, None, None
    return running


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def lines() -> LogCapture:
    return LogCapture()


@pytest.fixture
async def bearers(issuer: FakeIssuer, clocks: Clocks, lines: LogCapture) -> AsyncIterator[Bearers]:
    trusted = Issuer(
        name="iam",
        url=issuer.url,
        audiences=frozenset({"urn:eb"}),
        administrator_groups=frozenset({"operators"}),
        groups_claim="wlcg.groups",
    )
    log = structlog.wrap_logger(
        None, [lines], wrapper_class=structlog.make_filtering_bound_logger(0)
    )
    made = Bearers([trusted], clocks.now, clocks.steady, log, Timing(100, 1000, 10), seconds=2)
    yield made
    await made.close()
