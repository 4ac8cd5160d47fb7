"""A real local platform: a kernel environment made once for a machine, everything else new."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from execution_broker.data.file import FileConfig, FileTransfer
from execution_broker.data.simple import SimpleDataConfig, SimpleDataKind
from execution_broker.models.component import Metadata
from execution_broker.models.executable import Checks, JupyterNotebook
from execution_broker.models.resources import SimpleData
from execution_broker.platforms.local.config import LocalConfig
from execution_broker.platforms.local.launch import marks
from execution_broker.platforms.local.platform import LocalPlatform
from execution_broker.platforms.local.processes import kill_and_wait, marked
from execution_broker.ports.data import Stage
from execution_broker.ports.platform import PlatformContext
from execution_broker.steps.staging import Staging
from tests.harness.control_groups import control_groups

NAME = "here"


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    directory = tmp_path / "sources"
    directory.mkdir()
    return directory


@pytest.fixture
def staging(tmp_path: Path, sources: Path) -> Stage:
    return Staging({"file": FileTransfer(FileConfig(roots=(str(sources),)))}, tmp_path / "cache")


@pytest.fixture
def context(tmp_path: Path, sources: Path) -> Iterator[PlatformContext]:
    """When a test is over nothing that it started runs, however it ended."""
    instance = uuid4()
    yield PlatformContext(
        instance=instance,
        directory=tmp_path / "platform",
        results=tmp_path / "results",
        transfers={"file": FileTransfer(FileConfig(roots=(str(sources),)))},
        data_kinds={SimpleDataKind.kind: SimpleDataKind(SimpleDataConfig())},
    )
    assert kill_and_wait(lambda: marked(marks(instance, NAME, None)), 10)


@pytest.fixture
def local(kernel_python: Path, context: PlatformContext) -> Callable[..., LocalPlatform]:
    def made(**config: Any) -> LocalPlatform:
        settings = {"kernel_python": str(kernel_python), "grace": 1.0, **config}
        return LocalPlatform(NAME, LocalConfig(**settings), context)

    return made


@pytest.fixture
def nothing_runs(context: PlatformContext) -> Callable[[UUID], bool]:
    """Whether nothing of a session runs, nor is a group left of it, soon: the shim itself ends
    after all others."""

    def found(session: UUID) -> bool:
        until = time.monotonic() + 5
        while marked(marks(context.instance, NAME, session)) or control_groups(session):
            if time.monotonic() > until:
                return False
            time.sleep(0.02)
        return True

    return found


@pytest.fixture
def notebook(sources: Path) -> Callable[..., JupyterNotebook]:
    """Writes a notebook with these cells; the first is the one for parameters, if there are any."""

    def written(*cells: str, name: str = "notebook", **values: Any) -> JupyterNotebook:
        file = sources / f"{name}.ipynb"
        file.write_text(json.dumps(_document(cells, tagged="parameters" in values)), "utf-8")
        return JupyterNotebook(location=file.as_uri(), mode="BATCH", **values)

    return written


@pytest.fixture
def data(sources: Path) -> Callable[[str, bytes], SimpleData]:
    def written(name: str, content: bytes) -> SimpleData:
        file = sources / f"source-of-{name}"
        file.write_bytes(content)
        checks = Checks(size=len(content))
        return SimpleData(location=file.as_uri(), meta=Metadata(name=name), checks=checks)

    return written


def _document(cells: Sequence[str], *, tagged: bool) -> dict[str, Any]:
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": "any", "display_name": "Any", "language": "python"}},
        "cells": [
            {
                "cell_type": "code",
                "id": f"cell-{index}",
                "metadata": {"tags": ["parameters"]} if tagged and not index else {},
                "execution_count": None,
                "outputs": [],
                "source": source,
            }
            for index, source in enumerate(cells)
        ],
    }
