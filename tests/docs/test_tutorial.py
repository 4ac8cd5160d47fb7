"""The tutorial does what it says: its commands are run as they stand, on other ports."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text("utf-8")
BROKER, WEB = "8080", "8765"
LONGEST = 240


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What the tutorial expects around it: examples and both environments."""
    kernel = os.environ.get("BROKER_TEST_KERNEL") or str(ROOT / ".venv-kernel/bin/python")
    if not Path(kernel).exists():
        pytest.skip(f"there is no {kernel}: run `make test`, which installs it")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / ".venv-kernel").symlink_to(Path(kernel).parents[1])
    return tmp_path


def test_every_command_of_the_tutorial_works(clone: Path) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", TUTORIAL, re.MULTILINE | re.DOTALL)
    script = "\n".join(blocks)
    assert len(blocks) == TUTORIAL.count("```sh")
    ports = {port: str(_free_port()) for port in (BROKER, WEB)}
    for written, free in ports.items():
        assert written in script
        script = script.replace(written, free)
    said = _run(script, clone, f"http://127.0.0.1:{ports[BROKER]}")
    assert "YES" in said
    assert "COMPLETED" in said
    assert "Chandler wobble" in said
    assert "it would be a YES with compute.cores.min" in said
    assert "exit code 4" in said
    picture = clone / ".tutorial" / "results" / "polar_motion.png"
    assert picture.read_bytes().startswith(b"\x89PNG")


def _run(script: str, directory: Path, url: str) -> str:
    """What a bash said that stops at the first failure. Nothing of it runs when this returns."""
    outside = {n: v for n, v in os.environ.items() if not n.startswith(("BROKER_", "COV_"))}
    said = directory / "said.txt"
    with said.open("w") as out:
        process = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=directory,
            env={**outside, "BROKER_URL": url},
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = process.wait(LONGEST)
        finally:
            _stop_group(process.pid)
            process.wait()
    assert status == 0, said.read_text("utf-8")
    return said.read_text("utf-8")


def _stop_group(leader: int) -> None:
    """Whatever the script left behind in its own process group, where it failed half-way."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
