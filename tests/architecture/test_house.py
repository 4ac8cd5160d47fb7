"""What a house needs beside its code."""

import re

import pytest

from tests.architecture.project import ROOT, settings

PROJECT = settings()["project"]


@pytest.mark.parametrize(
    "name",
    [
        ".ci/run",
        ".editorconfig",
        ".pre-commit-config.yaml",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "LICENSE",
        "Makefile",
        "README.md",
        "mkdocs.yml",
    ],
)
def test_it_is_there(name: str) -> None:
    assert (ROOT / name).stat().st_size > 0


def test_the_licence_is_the_one_that_the_package_names() -> None:
    assert PROJECT["license"] == "BSD-3-Clause"
    assert (ROOT / "LICENSE").read_text("utf-8").startswith("BSD 3-Clause License")


def test_every_dependency_says_what_it_is_for() -> None:
    """On its own line, or behind the list that it is in."""
    lines = (ROOT / "pyproject.toml").read_text("utf-8").splitlines()
    for name in named():
        stated = [line for line in lines if f'"{name}"' in line]
        assert any(re.search(r'[",\]]\s+# \w+', line) for line in stated), name


@pytest.mark.parametrize("lock", ["bench", "dev", "kernel"])
def test_the_lock_is_whole(lock: str) -> None:
    """Every requirement is pinned and has digests; nothing names where packages come from."""
    text = (ROOT / "requirements" / f"{lock}.txt").read_text("utf-8")
    assert "://" not in text
    assert "--index-url" not in text
    blocks = re.findall(r"^[^\s#].*?(?=^[^\s#]|\Z)", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) > 30
    for block in blocks:
        assert re.match(r"[\w.\[\]-]+==[\w.+!]+( ;.*)? \\$", block.splitlines()[0]), block
        assert "--hash=sha256:" in block


def test_the_lock_has_what_the_project_names() -> None:
    text = (ROOT / "requirements" / "dev.txt").read_text("utf-8").lower()
    pinned = set(re.findall(r"^([\w.-]+)(?:\[[\w,]+\])?==", text, re.MULTILINE))
    wanted = {re.split(r"[<>=!~\[ ;]", name)[0].lower().replace("_", "-") for name in named()}
    assert wanted <= pinned


def named() -> list[str]:
    """All requirements of pyproject.toml."""
    lists = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    lists += settings()["dependency-groups"].values()
    return [name for one in lists for name in one]
