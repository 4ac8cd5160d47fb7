"""The project that `broker plugins new` writes: it is checked as its author would check it."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from execution_broker.cli.exits import Exit
from execution_broker.cli.plugins.doors import Door
from execution_broker.cli.plugins.scaffold import project
from tests.harness.command import Broker


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("moon-base")
    for path, text in project("moon-base", list(Door)).items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text(text)
    return directory


def python(directory: Path, *arguments: str) -> str:
    """What a module printed that was run in a project, as if that were installed."""
    ended = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=directory,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": "src", "MYPYPATH": "src"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_its_contract_tests_pass(written: Path) -> None:
    summary = python(written, "pytest", "--quiet", "-p", "no:cacheprovider").splitlines()[-1]
    assert "passed" in summary
    assert "failed" not in summary


def test_its_types_are_strict(written: Path, tmp_path: Path) -> None:
    assert "no issues found" in python(written, "mypy", "--cache-dir", str(tmp_path))


def test_its_style_is_ours(written: Path) -> None:
    python(written, "ruff", "check", "--no-cache", "--select", "E,F,I,B,UP,RUF")
    python(written, "ruff", "format", "--no-cache", "--check")


@pytest.mark.parametrize("door", list(Door))
def test_each_door_alone_is_a_whole_project(door: Door) -> None:
    made = project("moon", [door])
    settings = tomllib.loads(made["pyproject.toml"])
    ((group, entry),) = settings["project"]["entry-points"].items()
    module, _, name = entry["moon"].partition(":")
    assert group.removeprefix("execution_broker.").replace("_", "-") == f"{door.value}s"
    assert f"class {name}:" in made[f"src/{module.replace('.', '/')}.py"]
    assert any(f"class Test{name}(" in text for text in made.values())
    assert made[f"docs/{door.value}.md"].splitlines()[0].endswith("`moon`")
    assert not [path for path, text in made.items() if "$" in text]


def test_the_command_writes_it_and_says_what_to_do(run: Broker, tmp_path: Path) -> None:
    target = tmp_path / "mine"
    new = ("plugins", "new", "platform", "moon", "--directory", str(target))
    ended = run(*new)
    assert ended.code == Exit.DONE
    written = {str(file.relative_to(target)) for file in target.rglob("*") if file.is_file()}
    assert written == project("moon", [Door.PLATFORM]).keys()
    assert all(str(target / path) in ended.out for path in written)
    assert "python -m pytest" in ended.err
    again = run(*new)
    assert again.code == Exit.USAGE
    assert "is not empty" in again.err
    more = run("plugins", "new", "transfer", "moon", "--directory", str(tmp_path / "b"), "--json")
    assert json.loads(more.out)["directory"] == str(tmp_path / "b")


@pytest.mark.parametrize("name", ["Moon", "1st", "moon_base", "import", "../moon", "", "moon-"])
def test_a_bad_name_is_refused(run: Broker, name: str) -> None:
    ended = run("plugins", "new", "platform", name)
    assert ended.code == Exit.USAGE
    assert "small letter" in ended.err


def test_a_name_that_is_taken_is_refused(run: Broker) -> None:
    assert run("plugins", "new", "platform", "local").code == Exit.USAGE
    ended = run("plugins", "new", "platform", "simple", "--with", "data-kind")
    assert "execution-broker has a plugin simple among the data_kinds" in ended.err
