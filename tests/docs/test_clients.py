"""What the how-tos for clients say can be typed, and names what there is."""

import re
from pathlib import Path
from typing import Final

import pytest

from execution_broker import client
from execution_broker.api.routes import ROUTES

HOW_TO: Final = Path(__file__).parents[2] / "docs" / "how-to"
PYTHON: Final = (HOW_TO / "accept-from-python.md").read_text("utf-8")
PATHS: Final = {(route.method, re.sub(r":\w+\}", "}", route.path)) for route in ROUTES}


def test_the_python_is_python_and_names_what_there_is() -> None:
    blocks = re.findall(r"```python\n(.*?)```", PYTHON, re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        compile(block, "accept-from-python.md", "exec")
    for name in re.findall(r"from execution_broker.client import (\w+)", PYTHON):
        assert hasattr(client, name)


def test_generated_operations_are_ours() -> None:
    ours = {re.sub(r"(?<!^)(?=[A-Z])", "_", route.operation_id).lower() for route in ROUTES}
    named = set(re.findall(r"\bapi\.(\w+)\(", PYTHON))
    assert named
    assert named <= ours


@pytest.mark.parametrize("name", ["accept-from-another-language.md", "accept-from-curl.md"])
def test_addresses_are_ours(name: str) -> None:
    text = (HOW_TO / name).read_text("utf-8")
    calls = re.findall(r'client\.(GET|POST)\("(/[^"]*)"', text)
    paths = {path for _, path in PATHS}
    curled = re.findall(r"\$BROKER(/[\w./$]+)", text)
    assert calls or curled
    assert set(calls) <= PATHS
    for path in curled:
        given = path.replace("$SESSION", "{uuid}")
        assert given in paths or re.sub(r"/results/.+$", "/results/{path}", given) in paths
