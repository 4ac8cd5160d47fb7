"""The Python of the how-to pages does what it says, against a real server."""

import os
import re
from pathlib import Path

import pytest

from execution_broker.models.executable import Checks
from tests.harness.serving import server

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
PAGES = ["use-from-python.md", "compare-brokers.md", "find-a-session.md"]
NOTEBOOK = "https://example.org/analysis.ipynb"


def test_the_python_of_the_pages_works(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    """One page after the other, as the second goes on where the first ends."""
    with server(tmp_path / "data", {"PLATFORMS__HERE__PLUGIN": "scripted"}) as made:
        made.ready()
        password = (tmp_path / "data" / "admin-password").read_text().strip()
        monkeypatch.setenv("BROKER_PASSWORD", password)
        names: dict[str, object] = {"Checks": Checks}
        here = Path.cwd()
        request.addfinalizer(lambda: os.chdir(here))
        os.chdir(tmp_path)
        ran = 0
        for page in PAGES:
            for block in _blocks(page):
                ran += 1
                exec(compile(_local(block, made.url), page, "exec"), names)
    said = capsys.readouterr().out
    assert ran == 4
    assert "COMPLETED" in said
    assert "{'phase': 'COMPLETED'}" in said
    assert "gone No broker answers" in said
    assert "Trade(later=" in said


def _blocks(page: str) -> list[str]:
    text = (HOW_TO / page).read_text("utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def _local(block: str, url: str) -> str:
    """Nothing of another machine: a notebook that is known, and need not be looked up."""
    known = 'http://127.0.0.1:1/analysis.ipynb", checks=Checks(size=9, sha256="0" * 64), mode='
    block = block.replace(f'{NOTEBOOK}", mode=', known)
    assert NOTEBOOK not in block
    return block.replace("http://127.0.0.1:8080", url)
