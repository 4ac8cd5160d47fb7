"""The project as files and syntax trees, for the rules that a machine checks."""

import ast
import subprocess
import tomllib
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
SOURCE: Final = ROOT / "src" / "execution_broker"
_OURS: Final = ("src", "tests", "examples", "docs", "benchmarks")


def source_files() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def all_files() -> list[Path]:
    return sorted(file for part in _OURS for file in (ROOT / part).rglob("*.py"))


def name_of(file: Path) -> str:
    return str(file.relative_to(ROOT))


def lines_of(file: Path) -> list[str]:
    return file.read_text("utf-8").splitlines()


def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"))


def settings() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def run(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
