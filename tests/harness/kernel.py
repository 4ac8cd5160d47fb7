"""The Python that notebooks of the tests run in."""

import asyncio
import os
import time
from pathlib import Path

import pytest

from execution_broker.platforms.local.config import LocalConfig
from execution_broker.platforms.local.environment import KernelEnvironment


def untold(done: int, total: int | None, units: str) -> None:
    """Progress that nobody wants to know of."""


@pytest.fixture(scope="session")
def kernel_python(pytestconfig: pytest.Config) -> Path:
    """A Python for notebooks: the one BROKER_TEST_KERNEL names, else one kept in pytest's cache,
    made by the platform's own code."""
    if given := os.environ.get("BROKER_TEST_KERNEL"):
        return Path(given)
    assert pytestconfig.cache is not None
    environment = KernelEnvironment(LocalConfig(), pytestconfig.cache.mkdir("kernel"))

    async def make() -> Path:
        until = time.monotonic() + 900
        while not await environment.prepare("INTERACTIVE", untold):
            assert time.monotonic() < until
            await asyncio.sleep(0.2)
        return environment.python

    return asyncio.run(make())
