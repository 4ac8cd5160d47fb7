"""Clients that others generate from our document drive a real broker, as they come."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.harness.node import node_program
from tests.harness.serving import Server, server

HERE: Final = Path(__file__).parent
DOCUMENT: Final = HERE.parents[1] / "docs" / "reference" / "openapi.yaml"
NOTEBOOK: Final = "http://127.0.0.1:1/notebook.ipynb"
SECONDS: Final = 240


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("broker")
    with server(directory, {"PLATFORMS__HERE__PLUGIN": "scripted"}) as made:
        made.ready()
        yield made


def test_a_client_of_openapi_generator(tmp_path: Path, broker: Server) -> None:
    if shutil.which("java") is None:
        pytest.skip("Java is not installed: apt-get install default-jre-headless")
    generator = str(Path(sys.executable).with_name("openapi-generator-cli"))
    options = ["-g", "python", "--package-name", "broker_client", "-o", str(tmp_path)]
    _run(tmp_path, generator, "generate", "-i", str(DOCUMENT), *options)
    python = [sys.executable, str(HERE / "drive.py")]
    assert "all is well" in _run(tmp_path, *python, *_arguments(broker))


def test_a_client_of_openapi_typescript(tmp_path: Path, broker: Server) -> None:
    modules = node_program(HERE) / "node_modules"
    (tmp_path / "node_modules").symlink_to(modules)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    shutil.copy(HERE / "drive.ts", tmp_path)
    _run(
        tmp_path,
        *("node", str(modules / "openapi-typescript/bin/cli.js"), str(DOCUMENT)),
        *("--output", "schema.d.ts"),
    )
    options = ["--strict", "--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom"]
    _run(tmp_path, "node", str(modules / "typescript/bin/tsc"), *options, "drive.ts")
    assert "all is well" in _run(tmp_path, "node", "drive.js", *_arguments(broker))


def _arguments(broker: Server) -> tuple[str, str, str]:
    password = (broker.directory / "admin-password").read_text().strip()
    return broker.url, password, NOTEBOOK


def _run(directory: Path, *command: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(directory), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        command,
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return done.stdout
