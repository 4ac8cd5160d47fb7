"""What is generated and committed says what the code says. (The command line's and OpenAPI's
references: beside their code.)"""

from pathlib import Path

import pytest

from docs import example_configuration
from docs.generate import EXAMPLE_WHEEL, REFERENCE, example_wheel, pages
from execution_broker import __version__

_MADE_BY_TOOLS = {"__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"}


@pytest.mark.parametrize("name", sorted(pages()))
def test_a_reference_is_what_would_be_made_now(name: str) -> None:
    kept = (REFERENCE / name).read_text("utf-8")
    assert kept == pages()[name], "it is out of date; run: make generate"


def test_the_example_configuration_is_what_would_be_made_now() -> None:
    kept = example_configuration.FILE.read_text("utf-8")
    assert kept == example_configuration.document(), "it is out of date; run: make generate"


def test_the_example_wheel_is_what_would_be_made_now() -> None:
    kept = {
        str(file.relative_to(EXAMPLE_WHEEL)): file.read_text("utf-8")
        for file in _files(EXAMPLE_WHEEL)
    }
    assert kept == example_wheel(), "it is out of date; run: make generate"


def _files(directory: Path) -> list[Path]:
    return [
        file
        for file in directory.rglob("*")
        if file.is_file() and not _MADE_BY_TOOLS & set(file.parts)
    ]


def test_the_site_says_which_version_it_is_of() -> None:
    settings = (REFERENCE.parents[1] / "mkdocs.yml").read_text("utf-8")
    assert f"copyright: execution-broker {__version__} " in settings
