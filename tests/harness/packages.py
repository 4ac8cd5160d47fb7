"""Packages with one plugin each, as they lie in a directory that Python imports from."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from execution_broker.ports.registry import Group

_METADATA = "Metadata-Version: 2.1\nName: {}\nVersion: 1.2\n"


class Packages:
    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def add(self, package: str, group: Group, plugin: str, source: str) -> None:
        """An installed package whose module holds `source`, with a class `Plugin` or without."""
        (self.directory / f"{package}.py").write_text(source)
        metadata = self.directory / f"{package}-1.2.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(_METADATA.format(package))
        (metadata / "entry_points.txt").write_text(
            f"[execution_broker.{group}]\n{plugin} = {package}:Plugin\n"
        )


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Packages]:
    """Whatever is added is installed until the test is over."""
    directory = tmp_path / "packages"
    directory.mkdir()
    monkeypatch.syspath_prepend(directory)
    before = set(sys.modules)
    yield Packages(directory)
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(directory)):
            del sys.modules[name]
