"""The platform moon keeps the contract."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from execution_broker.models.component import Metadata
from execution_broker.models.executable import DockerContainer
from execution_broker.models.resources import SimpleData
from execution_broker.ports.data import Stage
from execution_broker.ports.platform import Platform, PlatformContext
from execution_broker.steps.staging import Staging
from execution_broker.testing.context import make_context
from execution_broker.testing.platform import PlatformContract, Workload

from execution_broker_moon import platform as ours


class TestMoonPlatform(PlatformContract):
    @pytest.fixture
    def sources(self, tmp_path: Path) -> Path:
        directory = tmp_path / "sources"
        directory.mkdir()
        return directory

    @pytest.fixture
    def context(self, tmp_path: Path, sources: Path) -> PlatformContext:
        return make_context(tmp_path, readable=sources)

    @pytest.fixture
    def make(self, context: PlatformContext) -> Callable[[], Platform]:
        return lambda: ours.MoonPlatform("here", ours.PlatformConfig(), context)

    @pytest.fixture
    def stage(self, context: PlatformContext, tmp_path: Path) -> Stage:
        return Staging(context.transfers, tmp_path / "cache")

    @pytest.fixture
    def workload(self, sources: Path) -> Workload:
        file = sources / "data.txt"
        file.write_bytes(b"data")
        return Workload(
            finishing=_container("echo", "hello"),
            failing=_container("false"),
            endless=_container("sleep", "forever"),
            prints=b"echo hello\n",
            complaint="status 1",
            output="printed.txt",
            content=b"echo hello\n",
            data=SimpleData(meta=Metadata(name="data.txt"), location=file.as_uri()),
        )


def _container(*command: str, **more: Any) -> DockerContainer:
    return DockerContainer(command=command, **more)
