"""Imports point down (rule 1): the contracts are in pyproject.toml, and none has a gap."""

import sys
from pathlib import Path

import pytest

from tests.architecture.project import SOURCE, run, settings

LINTER = settings()["tool"]["importlinter"]
CONTRACTS = {contract["name"]: contract for contract in LINTER["contracts"]}


def test_all_contracts_are_kept() -> None:
    done = run(str(Path(sys.executable).with_name("lint-imports")), "--no-cache")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(CONTRACTS)} kept, 0 broken" in done.stdout


def test_every_module_has_a_floor() -> None:
    layers = CONTRACTS["Imports point down"]
    assert layers["exhaustive"] is True
    floors = {name.strip() for floor in layers["layers"] for name in floor.split("|")}
    assert {name for name in floors if not name.startswith("(")} == modules()


@pytest.mark.parametrize(
    ("contract", "those_who_may"),
    [
        ("Only storage speaks SQL", {"storage"}),
        ("Only the API speaks the web framework; serving starts its server", {"api", "stager"}),
    ],
)
def test_what_few_may_import_is_forbidden_to_all_others(
    contract: str, those_who_may: set[str]
) -> None:
    sources = CONTRACTS[contract]["source_modules"]
    assert {name.removeprefix("execution_broker.") for name in sources} == modules() - those_who_may


def test_the_client_is_forbidden_all_but_words_and_rules() -> None:
    contract = CONTRACTS["The client knows the words and the rules, and nothing else of ours"]
    forbidden = {name.removeprefix("execution_broker.") for name in contract["forbidden_modules"]}
    assert forbidden == modules() - {"client", "domain", "models"}


def modules() -> set[str]:
    packages = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    return packages | {path.stem for path in SOURCE.glob("*.py") if path.stem != "__init__"}
