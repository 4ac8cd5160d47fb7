"""Every plugin of ours has a test class that inherits the contract of its door, and a page."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from execution_broker.ports import registry
from tests.architecture.project import ROOT, settings

CONTRACTS: Final = {
    "platforms": "PlatformContract",
    "data_kinds": "DataKindContract",
    "transfers": "TransferContract",
}
PREFIX: Final = "execution_broker."
DECLARED: Final = [
    (group.removeprefix(PREFIX), name, where.partition(":")[2])
    for group, found in settings()["project"]["entry-points"].items()
    for name, where in found.items()
]


def test_every_door_has_a_contract_and_something_behind_it() -> None:
    assert {group for group, _, _ in DECLARED} == CONTRACTS.keys() == registry.GROUPS.keys()


@pytest.mark.parametrize(("group", "name", "plugin"), DECLARED)
def test_it_is_found_and_can_be_used(group: registry.Group, name: str, plugin: str) -> None:
    assert registry.plugin(group, name).__name__ == plugin


@pytest.mark.parametrize(("group", "plugin"), [(group, plugin) for group, _, plugin in DECLARED])
def test_a_test_class_inherits_the_contract(group: str, plugin: str) -> None:
    contract = CONTRACTS[group]
    files = (ROOT / "tests").rglob("test_*.py")
    found = [file for file in files if _proves(file, contract, plugin)]
    assert found, f"no class in tests/ inherits {contract} and makes a {plugin} in its fixtures"


@pytest.mark.parametrize(("group", "name"), [(group, name) for group, name, _ in DECLARED])
def test_a_page_describes_it(group: str, name: str) -> None:
    page = ROOT / "docs" / "plugins" / group.replace("_", "-") / f"{name}.md"
    assert page.is_file(), f"write {page.relative_to(ROOT)} and name it in mkdocs.yml"
    assert page.read_text("utf-8").splitlines()[0].endswith(f"`{name}`")
    assert str(page.relative_to(ROOT / "docs")) in (ROOT / "mkdocs.yml").read_text("utf-8")
    index = (ROOT / "docs" / "plugins" / "index.md").read_text("utf-8")
    assert f"({page.relative_to(ROOT / 'docs' / 'plugins')})" in index


def _proves(file: Path, contract: str, plugin: str) -> bool:
    """Whether a class of the file inherits the contract, and the file speaks of the plugin."""
    tree = ast.parse(file.read_text("utf-8"))
    inherits = any(
        isinstance(node, ast.ClassDef) and contract in {ast.unparse(base) for base in node.bases}
        for node in ast.walk(tree)
    )
    return inherits and plugin in set(_names(tree))


def _names(tree: ast.AST) -> Iterator[str]:
    return (node.id for node in ast.walk(tree) if isinstance(node, ast.Name))
