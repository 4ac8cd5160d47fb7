"""The help teaches, the reference is what the commands are, and neither is slow."""

import subprocess
import sys
from pathlib import Path

import pytest
import typer

from execution_broker.cli.exits import MEANINGS, Exit
from execution_broker.cli.main import app
from execution_broker.cli.reference import document
from tests.harness.command import Broker

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"
COMMANDS = [
    line.removeprefix("## broker ").split()
    for line in document().splitlines()
    if line.startswith("## broker ")
]


def test_the_committed_reference_is_that_of_the_commands() -> None:
    assert REFERENCE.read_text("utf-8") == document(), (
        "run: python -m execution_broker.cli.reference > docs/reference/cli.md"
    )


def test_the_reference_knows_every_command() -> None:
    assert len(COMMANDS) >= 20
    for name in typer.main.get_command(app).commands:  # type: ignore[attr-defined]
        assert f"broker {name}" in document()


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_each_help_ends_with_an_example(run: Broker, command: list[str]) -> None:
    ended = run(*command, "--help")
    assert ended.code == 0
    assert f"broker {' '.join(command)}" in ended.out.partition("Example")[2]


def test_every_exit_code_is_explained(run: Broker) -> None:
    ended = run("--help")
    for code in Exit:
        assert f"{code.value}  {MEANINGS[code]}" in ended.out


def test_help_loads_nothing_that_it_does_not_need() -> None:
    program = (
        "import sys\n"
        "from execution_broker.cli import main\n"
        "heavy = {'httpx', 'starlette', 'uvicorn', 'yaml', 'execution_broker.config'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)


def test_the_module_is_the_command() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "execution_broker.cli", "version"],
        check=True,
        timeout=30,
        capture_output=True,
        text=True,
    )
    assert ended.stdout.startswith("execution-broker ")
